import { plaintextEnv } from './env-file-name.ts';
import { type Finding, fingerprintOf } from './finding.ts';
import { ProviderSearch } from './providers.ts';
import type { ValueMatch, ValueMatcher } from './value-matcher.ts';

/** Where the bytes come from. */
export interface Origin {
  readonly path: string;
  readonly commit: string | undefined;
}

/** Beyond this of one file, the regular expressions would take minutes; real values are looked for all the same. */
const MOST_FOR_RULES = 32 * 1024 * 1024;
const MOST_PER_FILE = 50;

/** Looks into one thing after the other. What it gives never holds what it found. */
export class Scanner {
  readonly #values: ValueMatcher | undefined;
  readonly #providers = new ProviderSearch();

  /** @param values undefined where there is neither a key ring nor a guard file to take them from */
  constructor(values: ValueMatcher | undefined) {
    this.#values = values;
  }

  /**
   * @param bytes a file as it was committed
   * @param names all names that the same bytes have; the first one is shown for what they hold
   */
  async file(bytes: Buffer, names: readonly [Origin, ...Origin[]]): Promise<Finding[]> {
    const findings = names.flatMap((name) => envFinding(bytes, name));
    return [...findings, ...(await this.text(bytes, names[0]))];
  }

  /** What is no env file, whatever its name: a message, a file's name. */
  async text(bytes: Buffer, origin: Origin): Promise<Finding[]> {
    const values = (this.#values?.search(bytes) ?? []).slice(0, MOST_PER_FILE);
    const found = values.map((match) => valueFinding(bytes, match, origin));
    if (bytes.length > MOST_FOR_RULES) return once(found);
    // What is known to be a value of ours needs no guess beside it.
    const others = (await this.#providers.search(origin.path, bytes)).filter(({ start, end }) => !values.some((match) => match.start < end && start < match.end));
    return once([...found, ...others.map(({ rule, start, end }) => providerFinding(bytes, rule, start, end, origin))]);
  }
}

function envFinding(bytes: Buffer, { path, commit }: Origin): Finding[] {
  const env = plaintextEnv(path, bytes);
  if (env === undefined) return [];
  const count = env.names.length;
  const detail = `${env.reason === 'name' ? 'a plaintext env file' : 'a plaintext env file by what it holds'}, ${count} ${count === 1 ? 'variable' : 'variables'} with a value`;
  return [{ kind: 'plaintext-env', path, line: undefined, commit, tenant: undefined, variable: undefined, state: undefined, form: env.reason, detail, fingerprint: fingerprintOf('plaintext-env', path, env.names.toSorted().join('\0')) }];
}

function valueFinding(bytes: Buffer, { value, form, start, end }: ValueMatch, { path, commit }: Origin): Finding {
  const { tenant, variable, state } = value;
  const whose = `the ${state} value of ${variable}${tenant === '' ? '' : ` of ${tenant}`}`;
  return {
    kind: 'secret-value',
    path,
    line: lineOf(bytes, start),
    commit,
    tenant: tenant === '' ? undefined : tenant,
    variable,
    state,
    form,
    detail: form === 'raw' ? whose : `${whose}, as ${form}`,
    fingerprint: fingerprintOf('secret-value', path, bytes.subarray(start, end)),
  };
}

function providerFinding(bytes: Buffer, rule: string, start: number, end: number, { path, commit }: Origin): Finding {
  return {
    kind: 'provider-secret',
    path,
    line: lineOf(bytes, start),
    commit,
    tenant: undefined,
    variable: undefined,
    state: undefined,
    form: rule,
    detail: rule === 'privatekey' ? 'a private key' : `a credential of ${rule}`,
    fingerprint: fingerprintOf('provider-secret', path, bytes.subarray(start, end)),
  };
}

/** undefined for what is not text: a NUL says so, as it does for git. */
function lineOf(bytes: Buffer, at: number): number | undefined {
  if (bytes.subarray(0, 8000).includes(0)) return undefined;
  let line = 1;
  for (let next = bytes.indexOf(0x0a); next !== -1 && next < at; next = bytes.indexOf(0x0a, next + 1)) line += 1;
  return line;
}

/** The same thing on another line, or in another form of itself in the same place, is said once. */
function once(findings: readonly Finding[]): Finding[] {
  const seen = new Set<string>();
  return findings.filter(({ kind, tenant, variable, line, fingerprint }) => {
    const key = variable === undefined ? fingerprint : `${kind}\0${tenant}\0${variable}\0${line}`;
    return !seen.has(key) && seen.add(key) !== undefined;
  });
}
