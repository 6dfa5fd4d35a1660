/**
 * The models of a Prisma schema, read from its text: Prisma 7 keeps at run time of each field only its name, kind and type, and
 * beside that the schema itself. What a relation is over, what may be null, what has a default stands only there.
 * Source: Prisma's grammar, `psl/schema-ast/src/parser/datamodel.pest`.
 */

export interface SchemaAttribute {
  /** Without `@`: `relation`, `db.Uuid`. */
  readonly name: string;
  /** Its arguments as tokens; of texts, only that there was one. */
  readonly args: readonly string[];
}

export interface SchemaField {
  readonly name: string;
  readonly type: string;
  readonly list: boolean;
  readonly optional: boolean;
  readonly attributes: readonly SchemaAttribute[];
}

export interface SchemaModel {
  readonly fields: ReadonlyMap<string, SchemaField>;
  /** Those of the model itself, as `@@unique`. */
  readonly attributes: readonly SchemaAttribute[];
}

/** Comments, texts, names with dots in them, single characters. A comment is nothing, a text only `"`. */
const TOKEN = /\/\/[^\n]*|\/\*[^]*?\*\/|"(?:\\.|[^"\\])*"|[\p{L}\p{N}_.-]+|\n|[^\s]/gu;
const MODEL = /^(?:model|view)$/;
const OPENING = /^[([{]$/;
const CLOSING = /^[)\]}]$/;

export function parseSchema(text: string): ReadonlyMap<string, SchemaModel> {
  const tokens = [...text.matchAll(TOKEN)].map(([token]) => (token.startsWith('"') ? '"' : token)).filter((token) => !token.startsWith('//') && !token.startsWith('/*'));
  const models = new Map<string, SchemaModel>();
  for (let i = 0; i < tokens.length; i++) {
    if (tokens[i] !== '{') continue;
    const end = closingOf(tokens, i);
    const [kind, name] = tokens.slice(Math.max(0, i - 2), i);
    if (kind !== undefined && name !== undefined && MODEL.test(kind)) models.set(name, modelOf(statements(tokens.slice(i + 1, end))));
    i = end;
  }
  return models;
}

/** The names in a list of an attribute's arguments: `fields` in `@relation(fields: [a, b])`. */
export function listArgument({ args }: SchemaAttribute, name: string): readonly string[] {
  const start = args.findIndex((token, i) => token === name && args[i + 1] === ':' && args[i + 2] === '[');
  return start < 0 ? [] : args.slice(start + 3, closingOf(args, start + 2)).filter((token) => token !== ',');
}

/** A single word of an attribute's arguments: `Cascade` in `@relation(onDelete: Cascade)`. */
export function wordArgument({ args }: SchemaAttribute, name: string): string | undefined {
  const at = args.findIndex((token, i) => token === name && args[i + 1] === ':');
  return at < 0 ? undefined : args[at + 2];
}

function modelOf(lines: readonly (readonly string[])[]): SchemaModel {
  const fields = new Map<string, SchemaField>();
  const attributes: SchemaAttribute[] = [];
  for (const line of lines) {
    if (line[0] === '@') attributes.push(...attributesOf(line));
    else {
      const at = line.indexOf('@');
      const [name, type, ...rest] = at < 0 ? line : line.slice(0, at);
      if (name === undefined || type === undefined) continue;
      fields.set(name, { name, type, list: rest.includes('['), optional: rest.includes('?'), attributes: at < 0 ? [] : attributesOf(line.slice(at)) });
    }
  }
  return { fields, attributes };
}

/** `@id @db.Uuid @default(...)`, or `@@unique(...)`. */
function attributesOf(tokens: readonly string[]): SchemaAttribute[] {
  const found: SchemaAttribute[] = [];
  for (let i = 0; i < tokens.length; i++) {
    if (tokens[i] !== '@' || tokens[i + 1] === '@') continue;
    const name = tokens[i + 1]!;
    const end = tokens[i + 2] === '(' ? closingOf(tokens, i + 2) : undefined;
    found.push({ name, args: end === undefined ? [] : tokens.slice(i + 3, end) });
    i = end ?? i + 1;
  }
  return found;
}

/** Lines, where one that is inside brackets goes on. */
function statements(tokens: readonly string[]): string[][] {
  const lines: string[][] = [[]];
  let depth = 0;
  for (const token of tokens) {
    if (OPENING.test(token)) depth++;
    if (CLOSING.test(token)) depth--;
    if (token !== '\n') lines.at(-1)!.push(token);
    else if (depth === 0) lines.push([]);
  }
  return lines.filter((line) => line.length > 0);
}

function closingOf(tokens: readonly string[], opening: number): number {
  let depth = 0;
  for (let i = opening; i < tokens.length; i++) {
    if (OPENING.test(tokens[i]!)) depth++;
    if (CLOSING.test(tokens[i]!) && --depth === 0) return i;
  }
  return tokens.length;
}
