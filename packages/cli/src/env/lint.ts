import { existsSync } from 'node:fs';

import { ENCRYPTED_SUFFIX, isEncryptedFile, MOST_FILE_BYTES, openEnvFile, plaintextOf, printEntries, splitEntries, updateEnvFile, USUAL_FILE, type WriteScope } from '@lockfast/core/env';
import type { Dialect } from '@lockfast/core/env/dialects';
import { CAUSES, type Finding, type Group, isReadAlike, lintEnv, type LintReport, type LintRequest, respell, type Respelling, STYLES, type Target, TARGET_NAMES } from '@lockfast/core/env/lint';
import { LockfastError } from '@lockfast/core/errors';
import { readRegularFile, shownPath, withFileLock, writeDurably } from '@lockfast/core/files';

import type { Arguments } from '../arguments.ts';
import { DIALECT_NAMES, findUpward } from '../configuration.ts';
import type { Session } from '../session.ts';
import { counted } from '../terminal.ts';
import { stateDirectory, Workspace } from '../workspace.ts';
import { lintMeasures } from './lint-expectations.ts';
import { shownValue } from './shown-value.ts';

/** Exit status 1 with an error among the findings, with --check also with a warning. */
export async function run(args: Arguments, session: Session): Promise<number> {
  refuseContradictions(args);
  const workspace = projectOf(args, session);
  const file = args.operands[0] ?? usualFile(args.text('tenant'), workspace);
  const linted = new LintedFile(file, args, session, workspace);
  const request = requestOf(file, args, session, workspace, linted.own);
  const respelling = args.flag('fix') ? await linted.fix(request) : undefined;
  const report = lintEnv(respelling === undefined ? await linted.read() : printEntries(respelling.entries), request);
  if (args.flag('json')) printJson(file, args, request, report, respelling, session);
  else print(file, args, report, respelling, session);
  const failing = (finding: Finding): boolean => finding.severity === 'error' || (args.flag('check') && finding.severity === 'warning');
  return report.findings.some(failing) ? 1 : 0;
}

/** @throws LockfastError `usage` */
function refuseContradictions(args: Arguments): void {
  const refuse = (message: string): never => {
    throw new LockfastError('usage', `env lint: ${message}`, 'see: lockfast env lint --help');
  };
  if (args.flag('dry-run') && !args.flag('fix')) refuse('--dry-run is for --fix');
  if (args.flag('break-glass') && args.flag('fix')) refuse('--break-glass is for what only reads, and --fix writes');
  if (args.flag('check') && args.flag('fix')) refuse('--check changes nothing, and --fix does');
  const unknown = targetsOf(args)?.some((name) => !isTarget(name)) ?? false;
  if (unknown || targetsOf(args)?.length === 0) refuse(`--target takes some of ${TARGET_NAMES.join(',')}`);
}

function targetsOf(args: Arguments): string[] | undefined {
  return args
    .text('target')
    ?.split(',')
    .map((name) => name.trim())
    .filter((name) => name !== '');
}

function isTarget(name: string): name is Target {
  return (TARGET_NAMES as readonly string[]).includes(name);
}

/** A plaintext file needs no project: in CI there may be none. */
function projectOf(args: Arguments, session: Session): Workspace | undefined {
  const needed = args.text('config') !== undefined || args.text('tenant') !== undefined;
  return needed || findUpward(session.directory) !== undefined ? new Workspace(args, session) : undefined;
}

function usualFile(tenant: string | undefined, workspace: Workspace | undefined): string {
  const plain = workspace?.usualFile(tenant) ?? USUAL_FILE;
  return workspace !== undefined && (existsSync(plain + ENCRYPTED_SUFFIX) || !existsSync(plain)) ? plain + ENCRYPTED_SUFFIX : plain;
}

function requestOf(file: string, args: Arguments, session: Session, workspace: Workspace | undefined, own: Dialect): LintRequest {
  const targets = targetsOf(args)?.filter(isTarget);
  const { expectations } = lintMeasures(file, args, workspace, session);
  return { own, targets: targets ?? TARGET_NAMES, differences: targets === undefined ? 'warning' : 'error', expectations };
}

/** The file, whichever of the two it is. */
class LintedFile {
  readonly own: Dialect;
  readonly #file: string;
  readonly #args: Arguments;
  readonly #session: Session;
  readonly #workspace: Workspace | undefined;

  constructor(file: string, args: Arguments, session: Session, workspace: Workspace | undefined) {
    this.#file = file;
    this.#args = args;
    this.#session = session;
    this.#workspace = workspace;
    this.own = workspace?.dialect(args) ?? DIALECT_NAMES.find((name) => name === args.text('dialect')) ?? 'node';
  }

  /** Its plaintext; of an encrypted one on record, as every reading. */
  async read(): Promise<Buffer> {
    const { bytes } = readRegularFile(this.#file, 'follow', MOST_FILE_BYTES);
    if (!this.#isEncrypted(bytes)) return bytes;
    return plaintextOf(await this.#project().decrypting(this.#file, this.#args.text('tenant'), (scope) => openEnvFile(bytes, scope, this.#file)));
  }

  /** What is respelled is read again first: under the lock it is what is replaced. */
  async fix({ own, targets }: LintRequest): Promise<Respelling> {
    if (this.#args.flag('dry-run')) return respell(splitEntries(await this.read()), own, targets);
    if (this.#isEncrypted(readRegularFile(this.#file, 'refuse', MOST_FILE_BYTES).bytes)) return this.#fixEncrypted(own, targets);
    return withFileLock(this.#workspace?.stateDirectory ?? stateDirectory(this.#session), this.#file, () => {
      const { bytes, mode, uid, gid, identity } = readRegularFile(this.#file, 'refuse', MOST_FILE_BYTES);
      const result = respell(splitEntries(bytes), own, targets);
      const fixed = printEntries(result.entries);
      if (!fixed.equals(bytes)) writeDurably({ path: this.#file, bytes: fixed, mode, owner: { uid, gid }, expected: identity });
      return result;
    });
  }

  async #fixEncrypted(own: Dialect, targets: readonly Target[]): Promise<Respelling> {
    let result: Respelling | undefined;
    const change = (scope: WriteScope): unknown =>
      updateEnvFile(this.#file, scope, (entries) => {
        result = respell(entries, own, targets);
        return result.entries;
      });
    await this.#project().encrypting(this.#file, this.#args.text('tenant'), change, { change: 'spelling' });
    return result!;
  }

  #isEncrypted(bytes: Buffer): boolean {
    return isEncryptedFile(bytes) || this.#file.endsWith(ENCRYPTED_SUFFIX);
  }

  /** @throws LockfastError `config-missing`, as any command that needs a key */
  #project(): Workspace {
    return this.#workspace ?? new Workspace(this.#args, this.#session);
  }
}

function print(file: string, args: Arguments, report: LintReport, respelling: Respelling | undefined, session: Session): void {
  const { terminal } = session;
  if (respelling !== undefined) printRespelling(file, args, respelling, session);
  const check = args.flag('check');
  const differing = report.variables.filter((variable) => !isReadAlike(variable));
  if (!check && differing.length > 0) {
    terminal.table(['VARIABLE', 'LINE', 'READ BY', 'AS', 'WHY', 'ALIKE'], differing.flatMap((variable) => rowsOf(variable, args.flag('reveal'))));
  }
  // The table shows the differences already.
  const told = check ? report.findings : report.findings.filter(({ kind }) => kind !== 'difference');
  if (told.length > 0) {
    if (!check && differing.length > 0) terminal.line();
    terminal.table(
      ['SEVERITY', 'LINE', 'VARIABLE', 'FINDING'],
      told.map(({ severity, line, name, targets, detail }) => [severity, line === undefined ? '-' : String(line), name ?? '-', `${targets === undefined ? '' : `${targets.join(', ')}: `}${detail}`]),
    );
  }
  if (check && told.every(({ severity }) => severity === 'note')) return;
  if (!check && differing.length + told.length > 0) terminal.line();
  const count = (severity: Finding['severity']): number => report.findings.filter((finding) => finding.severity === severity).length;
  const alike = differing.length === 0 ? 'all read alike' : `${differing.length} read differently`;
  terminal.line(`${shownPath(file)}: ${counted(report.variables.length, 'variable')}, ${alike} by ${report.targets.join(', ')}; ${counted(count('error'), 'error')}, ${counted(count('warning'), 'warning')}, ${counted(count('note'), 'note')}`);
}

/** The name once, then a row for each group. Values are numbered, so that one sees who agrees without seeing what. */
function rowsOf({ name, line, groups, spelling, unclear }: LintReport['variables'][number], reveal: boolean): string[][] {
  const alike = unclear !== undefined ? unclear : spelling === undefined ? 'no spelling' : reveal ? shownValue(spelling.text) : STYLES[spelling.style];
  return groups.map((group, i) => [
    i === 0 ? name : '',
    i === 0 ? String(line) : '',
    group.targets.join(', '),
    shownOutcome(group, groups, reveal),
    i === 0 ? '' : group.causes.map((cause) => CAUSES[cause]).join('; '),
    i === 0 ? alike : '',
  ]);
}

function shownOutcome(group: Group, groups: readonly Group[], reveal: boolean): string {
  const { outcome } = group;
  if (outcome.kind === 'value') return reveal ? shownValue(outcome.value) : `value ${groups.filter((one) => one.outcome.kind === 'value').indexOf(group) + 1}`;
  return { inherited: 'taken from elsewhere', unset: 'not set', refused: 'file refused' }[outcome.kind];
}

function printRespelling(file: string, args: Arguments, { respelled, left }: Respelling, { terminal }: Session): void {
  for (const { name, line, style, commentMoved } of respelled) {
    terminal.line(`line ${line}: ${name}: ${STYLES[style]}${commentMoved ? ', its comment on a line of its own above' : ''}`);
  }
  for (const { name, line, reason } of left) terminal.line(`line ${line}: ${name}: left: ${reason}`);
  const verb = args.flag('dry-run') ? 'would be spelled anew; nothing was written' : 'spelled anew';
  terminal.line(`${shownPath(file)}: ${respelled.length === 0 ? 'nothing' : counted(respelled.length, 'line')} ${respelled.length === 0 ? 'to spell anew' : verb}, ${left.length} left`);
  terminal.line();
}

function printJson(file: string, args: Arguments, { own }: LintRequest, report: LintReport, respelling: Respelling | undefined, { terminal }: Session): void {
  const reveal = args.flag('reveal');
  const variables = report.variables.map(({ name, line, groups, spelling, unclear }) => ({
    name,
    line,
    alike: groups.length === 1,
    readings: groups.map(({ targets, outcome, causes }) => ({ targets, as: outcome.kind, ...(reveal && outcome.kind === 'value' ? { value: outcome.value } : {}), causes })),
    ...(unclear === undefined ? {} : { unclear }),
    spelling: spelling === undefined ? null : { style: spelling.style, ...(reveal ? { text: spelling.text } : {}) },
  }));
  const fixed = respelling === undefined ? {} : { written: !args.flag('dry-run') && respelling.respelled.length > 0, respelled: respelling.respelled, left: respelling.left };
  terminal.json({ file, dialect: own, targets: report.targets, ...fixed, variables, findings: report.findings });
}
