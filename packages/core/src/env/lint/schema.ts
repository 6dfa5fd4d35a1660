/**
 * `.env.schema`: which variables there are, of what type, and which must be there. Each is an assignment whose value means
 * nothing, with decorators in the comments right above it or behind it, in the manner of the env-spec draft:
 *
 *     # @defaultRequired=true
 *
 *     # Where mail goes
 *     # @type=url @optional
 *     SMTP_URL=
 *     PORT=3000 # @type=port
 */
import { readEnv } from '../dialects/index.ts';
import { type PlacedEntry, placed } from './variables.ts';
import { splitEntries } from '../document.ts';
import { assignmentOf } from './features.ts';
import { parseType, type ValueType } from './value-type.ts';

interface SchemaVariable {
  readonly required: boolean;
  readonly type: ValueType | undefined;
}

export interface EnvSchema {
  readonly variables: ReadonlyMap<string, SchemaVariable>;
  /** What can't be read of the schema itself. */
  readonly problems: readonly { readonly line: number; readonly reason: string }[];
}

/** Decorators of the draft that say something else: what a value means to other tools. */
const OTHERS: ReadonlySet<string> = new Set(['sensitive', 'public', 'example', 'docs', 'docsUrl', 'icon', 'deprecated', 'internal', 'defaultSensitive', 'envFlag', 'currentEnv', 'generateTypes', 'import', 'disable', 'plugin', 'redactLogs', 'preventLeaks']);

export function parseSchema(bytes: Uint8Array): EnvSchema {
  const variables = new Map<string, SchemaVariable>();
  const problems: { line: number; reason: string }[] = [];
  let above: Decorator[] = [];
  let requiredByDefault = false;
  for (const entry of placed(splitEntries(bytes))) {
    const text = entry.bytes.toString('utf8').trim();
    if (entry.kind === 'other') {
      if (text === '') above = [];
      else if (!text.startsWith('#')) problems.push({ line: entry.line, reason: 'no assignment and no comment' });
      else {
        const found = decorators(text.slice(1), entry.line);
        // It holds for the whole file, wherever a header ends.
        for (const { name, value } of found) if (name === 'defaultRequired') requiredByDefault = value !== 'false';
        above.push(...found.filter(({ name }) => name !== 'defaultRequired'));
      }
      continue;
    }
    variables.set(entry.name, variableOf([...above, ...behind(entry)], requiredByDefault, problems));
    above = [];
  }
  return { variables, problems };
}

interface Decorator {
  readonly name: string;
  readonly value: string | undefined;
  readonly line: number;
}

/** `@name` and `@name=value`, where a value may have an argument list. Only a comment that begins with one has any. */
function decorators(comment: string, line: number): Decorator[] {
  if (!/^[ \t]*@/.test(comment)) return [];
  return [...comment.matchAll(/(?:^|[ \t])@([A-Za-z]+)(?:=("[^"]*"|'[^']*'|[^\s(]+(?:\([^()]*\))?))?/g)].map(([, name, value]) => ({ name: name!, value: value?.replace(/^(["'])(.*)\1$/, '$2'), line }));
}

function behind(entry: PlacedEntry): Decorator[] {
  const value = assignmentOf(entry.bytes.toString('utf8'))?.value ?? '';
  const comment = /(?:^|[ \t])#([ \t]*@.*)$/.exec(value)?.[1];
  return comment === undefined ? [] : decorators(comment, entry.line);
}

function variableOf(found: readonly Decorator[], requiredByDefault: boolean, problems: { line: number; reason: string }[]): SchemaVariable {
  let required = requiredByDefault;
  let type: ValueType | undefined;
  for (const { name, value, line } of found) {
    if (name === 'required') required = value !== 'false';
    else if (name === 'optional') required = value === 'false';
    else if (name === 'type') {
      type = parseType(value ?? '');
      if (type === undefined) problems.push({ line, reason: 'a type that is not known' });
    } else if (!OTHERS.has(name)) problems.push({ line, reason: 'a decorator that is not known' });
  }
  return { required, type };
}

/** `.env.example`: names, and the values that stand in it for everybody to see. */
export function parseExample(bytes: Uint8Array): ReadonlyMap<string, string> {
  return new Map([...readEnv(bytes, 'dotenv').variables].flatMap(([name, value]) => (value === null ? [] : [[name, value]])));
}
