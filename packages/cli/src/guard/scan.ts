import { resolve } from 'node:path';

import { LockfastError } from '@lockfast/core/errors';
import { writeDurably } from '@lockfast/core/files';
import { type Finding, gitignoreFindings, gitignoreState, type PushedRef, sarif, Scanner, scan, scanRecursively, type ScanResult, type Scope } from '@lockfast/guard';

import manifest from '../../package.json' with { type: 'json' };
import type { Arguments } from '../arguments.ts';
import { EXIT_STATUS } from '../exit-status.ts';
import { failureJson } from '../failure-json.ts';
import type { Session } from '../session.ts';
import { quotedWord } from '../shell-word.ts';
import { readStandardInput } from '../standard-input.ts';
import { counted } from '../terminal.ts';
import { completeGitignore } from './gitignore-fix.ts';
import { type GuardPlace, guardPlace } from './guard-place.ts';
import { readIgnored } from './ignore-file.ts';
import { type ValueSource, valueSource } from './value-source.ts';

const SCOPES = ['staged', 'worktree', 'history', 'range', 'pushed'] as const;

export async function run(args: Arguments, session: Session): Promise<number> {
  const scope = scopeOf(args);
  const place = guardPlace(args, session);
  const ignored = new Set(readIgnored(place.ignoreFile).map(({ fingerprint }) => fingerprint));
  const today = new Date().toISOString().slice(0, 10);
  const hook = scope.kind === 'staged' || scope.kind === 'range' || scope.kind === 'push';
  const source = await valueSource((args.text('values') ?? 'auto') as 'auto', hook, place, session, today);
  const scanner = new Scanner(source.matcher);
  const result = await (args.flag('recurse') ? scanRecursively : scan)(place.git, scope, scanner);
  const gitignore = scope.kind === 'usual' || scope.kind === 'worktree' || args.flag('fix') ? await checkedGitignore(place, args.flag('fix'), session) : { findings: [], added: [] };
  const all = [...result.findings, ...gitignore.findings];
  const findings = all.filter(({ fingerprint }) => !ignored.has(fingerprint));
  const warnings = [...source.warnings, ...(await recorded(findings, place))];
  const sarifFile = args.text('sarif');
  if (sarifFile !== undefined) writeDurably({ path: resolve(session.directory, sarifFile), bytes: Buffer.from(sarif(findings, manifest.version)), mode: 0o644, expected: 'anything' });
  return report({ scope, source, result, findings, ignored: all.length - findings.length, added: gitignore.added, warnings }, args, session);
}

function scopeOf(args: Arguments): Scope {
  const given = SCOPES.filter((name) => args.flag(name) || args.text(name) !== undefined);
  if (given.length > 1) throw new LockfastError('usage', `guard scan: --${given[0]!} and --${given[1]!} exclude each other`, 'give one of them');
  const [name] = given;
  if (name === undefined) return { kind: 'usual' };
  if (name === 'range') return { kind: 'range', range: args.text('range')! };
  if (name === 'pushed') return { kind: 'push', remote: args.text('pushed')!, refs: pushedRefs(readStandardInput().toString('utf8')) };
  return { kind: name };
}

/** `LOCAL-REF LOCAL-ID REMOTE-REF REMOTE-ID` a line. */
function pushedRefs(text: string): PushedRef[] {
  return text.split('\n').filter((line) => line !== '').map((line) => {
    const [, localId, remoteName, remoteId] = /^\S+ ([0-9a-f]{40,64}) (\S+) ([0-9a-f]{40,64})$/.exec(line) ?? [];
    if (localId === undefined || remoteName === undefined || remoteId === undefined) throw new LockfastError('usage', 'guard scan: --pushed reads on standard input what git gives a pre-push hook', 'for a range of commits: lockfast guard scan --range A..B');
    return { localId, remoteName, remoteId };
  });
}

async function checkedGitignore(place: GuardPlace, fix: boolean, session: Session): Promise<{ readonly findings: readonly Finding[]; readonly added: readonly string[] }> {
  const state = gitignoreState(place.git, place.settings.encrypted);
  if (!fix || state.missing.length === 0) return { findings: gitignoreFindings(state), added: [] };
  await completeGitignore(place.git.directory, state.missing, session);
  return { findings: gitignoreFindings(gitignoreState(place.git, place.settings.encrypted)), added: state.missing };
}

/** Each live value that was found, once, in the ledger. That it can't be recorded hides no finding. */
async function recorded(findings: readonly Finding[], { workspace, git }: GuardPlace): Promise<string[]> {
  const live = findings.filter(({ kind, state }) => kind === 'secret-value' && state === 'live');
  if (workspace === undefined || live.length === 0) return [];
  try {
    const sink = await workspace.audit();
    const first = new Map(live.map((finding) => [`${finding.tenant}\0${finding.variable}`, finding] as const).toReversed());
    for (const { path, commit, tenant, variable, fingerprint } of first.values()) {
      await sink?.record({ operation: 'guard-finding', object: git.directory, tenant, environment: workspace.configuration.environment, outcome: 'failure', code: 'guard-findings', details: { variable: variable!, path, ...(commit === undefined ? {} : { commit }), fingerprint } });
    }
    return [];
  } catch (error) {
    if (!(error instanceof LockfastError)) throw error;
    return [`the findings are not on record: ${error.message}`];
  }
}

interface Outcome {
  readonly scope: Scope;
  readonly source: ValueSource;
  readonly result: ScanResult;
  readonly findings: readonly Finding[];
  readonly ignored: number;
  readonly added: readonly string[];
  readonly warnings: readonly string[];
}

function report({ scope, source, result, findings, ignored, added, warnings }: Outcome, args: Arguments, session: Session): number {
  const { terminal } = session;
  const failure = findings.length === 0 ? undefined : new LockfastError('guard-findings', `${counted(findings.length, 'finding')} in ${counted(result.scanned, 'file')} and messages`, nextStep(findings, scope));
  if (args.flag('json')) {
    const { from, count, unguardable } = source;
    const shown = findings.map((finding) => Object.fromEntries(Object.entries(finding).map(([name, value]) => [name, (value as unknown) ?? null])));
    terminal.json({ ok: failure === undefined, scope: scope.kind, scanned: result.scanned, bytes: result.bytes, values: { from, count, notGuardable: unguardable }, findings: shown, ignored, notScanned: result.notScanned, gitignoreAdded: added, warnings, ...failureJson(failure) });
  } else {
    if (findings.length > 0) terminal.table(['WHERE', 'COMMIT', 'FINDING', 'FINGERPRINT'], findings.map(({ path, line, commit, detail, fingerprint }) => [line === undefined ? path : `${path}:${line}`, commit?.slice(0, 12) ?? '-', detail, fingerprint]));
    else terminal.line(`${counted(result.scanned, 'file')} and messages, ${counted(source.count, 'value')} of ${NAMES[source.from]}: no findings`);
    for (const line of added) terminal.line(`.gitignore: ${line} added`);
    for (const line of result.notScanned) terminal.note(`not scanned: ${line}`);
    if (ignored > 0) terminal.note(`${counted(ignored, 'finding')} ignored, as .lockfast/guard-ignore.toml says`);
    for (const line of adviceOn(findings)) terminal.note(line);
  }
  for (const warning of warnings) terminal.warn(warning);
  if (failure !== undefined) terminal.note(`${failure.message}: ${failure.hint}`);
  return failure === undefined ? 0 : EXIT_STATUS[failure.code];
}

const NAMES = { ring: 'the key ring', 'guard-file': 'the guard file', none: 'nothing that is known' } as const;

function nextStep(findings: readonly Finding[], scope: Scope): string {
  if (scope.kind === 'staged') return 'take it out of what is staged: git restore --staged FILE; what is no secret: lockfast guard ignore FINGERPRINT --reason WHY';
  if (findings.every(({ kind }) => kind === 'gitignore')) return 'lockfast guard scan --fix adds the lines';
  return 'see docs/runbooks/env-committed.md; what is no secret: lockfast guard ignore FINGERPRINT --reason WHY';
}

/** A value that was committed is known to everybody with a clone: it is changed first, then history is cleaned. */
function adviceOn(findings: readonly Finding[]): string[] {
  const live = findings.filter(({ kind, state }) => kind === 'secret-value' && state === 'live');
  const committed = new Set(live.flatMap(({ variable, commit }) => (commit === undefined ? [] : [variable!])));
  const names = [...new Set(live.map(({ variable }) => variable!))];
  const past = findings.some(({ commit, kind }) => commit !== undefined && kind !== 'gitignore');
  const files = [...new Set(findings.flatMap(({ kind, commit, path }) => (kind === 'plaintext-env' && commit !== undefined ? [path] : [])))];
  const quoted = files.map((path) => ` --path ${quotedWord(path)}`).join('');
  return [
    ...names.map((name) => `${name} is in use${committed.has(name) ? ', and known to whoever has a clone' : '; if anybody has seen it'}: lockfast secret rotate ${name}`),
    ...(past ? [`then take it out of history, in a fresh clone: ${files.length > 0 ? `git filter-repo --invert-paths${quoted}` : 'git filter-repo --replace-text FILE'}; every other clone must be made anew`] : []),
  ];
}
