/** What is wrong with the variables themselves, whoever reads them. */
import type { Finding } from './finding.ts';
import type { EnvSchema } from './schema.ts';
import { describeType, fits } from './value-type.ts';
import type { PlacedEntry } from './variables.ts';
import { isSecretName, type Weakness, weaknessOf } from './weak-value.ts';

/** What a file is measured by. */
export interface Expectations {
  /** Names that must be there. */
  readonly required: readonly string[];
  /** Names that come from elsewhere, such as the file that all tenants share. */
  readonly elsewhere: ReadonlySet<string>;
  readonly schema: EnvSchema | undefined;
  /** Names with the values that a template shows to everybody. */
  readonly example: ReadonlyMap<string, string>;
}

const WEAKNESSES: Readonly<Record<Weakness, readonly [Finding['kind'], Finding['severity'], string]>> = {
  placeholder: ['placeholder', 'error', 'the place of a value, and not one'],
  common: ['placeholder', 'error', 'a secret that everybody tries first'],
  short: ['weak', 'warning', 'too short for a secret of that name'],
  monotonous: ['weak', 'warning', 'a secret of very few different characters'],
};

/** @param values what the file's own dialect reads */
export function valueFindings(entries: readonly PlacedEntry[], values: ReadonlyMap<string, string | null>, expectations: Expectations): Finding[] {
  const lines = new Map<string, number>();
  for (const { kind, name, line } of entries) if (kind !== 'other') lines.set(name, line);
  return [
    ...missing(values, expectations),
    ...[...values].flatMap(([name, value]) => (lines.has(name) ? ofVariable(name, value ?? '', lines.get(name)!, expectations) : [])),
    ...duplicates(entries),
    ...sameButForCase(lines),
    ...(expectations.schema?.problems ?? []).map(({ line, reason }): Finding => ({ kind: 'schema', severity: 'error', detail: `line ${line} of the schema has ${reason}` })),
  ];
}

function missing(values: ReadonlyMap<string, string | null>, { required, elsewhere, schema, example }: Expectations): Finding[] {
  const has = (name: string): boolean => values.has(name) || elsewhere.has(name);
  const must = new Set([...required, ...[...(schema?.variables ?? [])].flatMap(([name, variable]) => (variable.required ? [name] : []))]);
  const findings = [...must].filter((name) => !has(name)).map((name): Finding => ({ kind: 'missing', severity: 'error', name, detail: 'required, and missing' }));
  // A template says what there may be, and not what must be.
  const shown = schema === undefined ? [...example.keys()].filter((name) => !has(name) && !must.has(name)) : [];
  return [...findings, ...shown.map((name): Finding => ({ kind: 'missing', severity: 'warning', name, detail: 'stands in the example file, and not here' }))];
}

function ofVariable(name: string, value: string, line: number, { required, schema, example }: Expectations): Finding[] {
  const findings: Finding[] = [];
  const add = (kind: Finding['kind'], severity: Finding['severity'], detail: string): void => void findings.push({ kind, severity, line, name, detail });
  const declared = schema?.variables.get(name);
  if (schema !== undefined && declared === undefined) add('unknown', 'warning', 'not in the schema');
  if (value === '') {
    if (declared?.required === true || required.includes(name)) add('empty', 'error', 'required, and empty');
    else add('empty', isSecretName(name) ? 'warning' : 'note', 'empty');
    return findings;
  }
  const weakness = weaknessOf(name, value);
  const { type } = declared ?? {};
  if (type !== undefined && !fits(value, type)) add('type', 'error', `not what the schema asks for: ${describeType(type)}`);
  if (isSecretName(name) && example.get(name) === value) add('example-value', 'error', 'the value that the example file shows to everybody');
  else if (weakness !== undefined) add(...WEAKNESSES[weakness]);
  // The line feed at the end of a PEM key is none.
  if (/^[^\S\n]|[^\S\n]$/.test(value)) add('white-space', 'warning', 'white space at an end of the value');
  return findings;
}

function duplicates(entries: readonly PlacedEntry[]): Finding[] {
  const lines = new Map<string, number[]>();
  for (const { kind, name, line } of entries) if (kind !== 'other') lines.set(name, [...(lines.get(name) ?? []), line]);
  return [...lines].flatMap(([name, all]): Finding[] =>
    all.length < 2 ? [] : [{ kind: 'duplicate', severity: 'warning', line: all[0], name, detail: `also on line ${all.slice(1).join(', ')}: the last one counts, and kubectl refuses the file` }],
  );
}

function sameButForCase(lines: ReadonlyMap<string, number>): Finding[] {
  const known = new Map<string, string>();
  const findings: Finding[] = [];
  for (const [name, line] of lines) {
    const first = known.get(name.toLowerCase());
    if (first === undefined) known.set(name.toLowerCase(), name);
    else findings.push({ kind: 'case', severity: 'warning', line, name, detail: `differs from ${first} in case alone: two variables on Linux, one on Windows` });
  }
  return findings;
}
