import { createReadStream } from 'node:fs';
import { resolve } from 'node:path';

import { LockfastError } from '@lockfast/core/errors';
import { shownPath, systemFailure } from '@lockfast/core/files';
import { type LedgerSource, type LedgerStore, type LedgerVerdict, openBundle, parseVerifierKey, signedBy, storedLedger, type Trust, verifyLedger } from '@lockfast/ledger';

import type { Arguments } from '../arguments.ts';
import { findUpward } from '../configuration.ts';
import { EXIT_STATUS } from '../exit-status.ts';
import { failureJson } from '../failure-json.ts';
import { refuseAnotherLedger } from '../ledger-notes.ts';
import { ledgerFile } from '../ledger-place.ts';
import { requireRole } from '../permission.ts';
import type { Session } from '../session.ts';
import { surroundings, Workspace } from '../workspace.ts';
import { configuredLedger, openStore } from './store.ts';
import { epochKeyOf, heldCheckpoints, type Pin, pinByRing, pinOf, witnessKey } from './trust.ts';
import { printVerdict } from './verdict.ts';
import { configuredWitnesses, type WitnessState } from './witnesses.ts';

/** A ledger that is to be verified, and who speaks for it. */
interface Subject {
  readonly source: LedgerSource;
  /** For messages. */
  readonly place: string;
  readonly trust: Trust;
  readonly witnesses: readonly WitnessState[];
}

export async function run(args: Arguments, session: Session): Promise<number> {
  const bundle = args.text('bundle');
  // An auditor has the bundle, and no project.
  const workspace = bundle === undefined || args.text('config') !== undefined || findUpward(session.directory) !== undefined ? new Workspace(args, session) : undefined;
  // A bundle was given to whoever has it.
  if (bundle === undefined) await requireRole(workspace!, session, 'auditor', { operation: 'ledger-verify', object: workspace!.configuration.file });
  const store = workspace === undefined || (bundle !== undefined && workspace.configuration.ledger === undefined) ? undefined : await openConfigured(workspace, bundle);
  try {
    const path = store === undefined || bundle !== undefined ? undefined : ledgerFile(configuredLedger(workspace!));
    if (path !== undefined) refuseAnotherLedger(path, store!.logId, workspace!.stateDirectory);
    const subject = await subjectOf(args, session, workspace, store);
    const verdict = await verifyLedger(subject.source, subject.trust);
    return report(verdict, subject, args, session);
  } finally {
    await store?.close();
  }
}

/** For a bundle the ledger of this machine only says which key must have signed: without one it goes on. */
async function openConfigured(workspace: Workspace, bundle: string | undefined): Promise<LedgerStore | undefined> {
  try {
    return await openStore(workspace);
  } catch (error) {
    if (bundle === undefined || !(error instanceof LockfastError)) throw error;
    return undefined;
  }
}

async function subjectOf(args: Arguments, session: Session, workspace: Workspace | undefined, store: LedgerStore | undefined): Promise<Subject> {
  const bundle = args.text('bundle');
  const path = bundle === undefined ? undefined : resolve(session.directory, bundle);
  const source = path === undefined ? await storedLedger(store!) : await openBundle(chunksOf(path), shownPath(path));
  const here = workspace !== undefined && store?.logId === source.logId ? { workspace, store } : undefined;
  const given = args.text('public-key');
  const pin = given !== undefined ? pinOf(given) : here === undefined ? undefined : await pinByRing(here.workspace, here.store);
  const configured = workspace?.configuration.witnesses.flatMap(({ key }) => key ?? []).map(parseVerifierKey) ?? [];
  const outside =
    here === undefined
      ? { held: [], states: [] }
      : await heldCheckpoints(source.logId, source.checkpoints.at(-1)?.origin, here.workspace.stateDirectory, configuredWitnesses(here.workspace, session));
  const backup = args.text('backup');
  const around = workspace?.surroundings ?? surroundings(session, session.directory);
  const epochKey = backup === undefined ? undefined : await epochKeyOf(resolve(session.directory, backup), passphraseFile(args, session), source.logId, around);
  return {
    source: pin === undefined || given !== undefined ? source : countingOnly(source, pin),
    place: path === undefined ? store!.place : shownPath(path),
    trust: { logId: pin?.logId ?? here?.store.logId, publicKeys: pin?.publicKeys, witnesses: [...configured, ...args.list('witness-key').map(witnessKey)], held: outside.held, epochKey },
    witnesses: outside.states,
  };
}

/**
 * Without the checkpoints of keys that this ring never wrapped: of a ring that was lost, or a forger's. They prove nothing
 * either way, so what they cover counts as unanchored.
 */
function countingOnly(source: LedgerSource, { publicKeys }: Pin): LedgerSource {
  const strangers = source.publicKeys.filter((key) => !publicKeys.some((ours) => key.equals(ours)));
  return { ...source, checkpoints: source.checkpoints.filter(({ note }) => signedBy(note, publicKeys) || !signedBy(note, strangers)) };
}

function passphraseFile(args: Arguments, session: Session): string | undefined {
  const file = args.text('passphrase-file');
  return file === undefined ? undefined : resolve(session.directory, file);
}

async function* chunksOf(path: string): AsyncGenerator<Uint8Array> {
  try {
    yield* createReadStream(path) as AsyncIterable<Uint8Array>;
  } catch (error) {
    throw systemFailure(error, `${shownPath(path)} was not read`, 'read-failed');
  }
}

function report(verdict: LedgerVerdict, { place, witnesses }: Subject, args: Arguments, { terminal }: Session): number {
  const failure = tampering(verdict, place) ?? (args.flag('strict') ? strictFailure(verdict, place, witnesses) : undefined);
  const status = failure === undefined ? 0 : EXIT_STATUS[failure.code];
  if (args.flag('json')) {
    terminal.json({ ...verdict, ok: status === 0, place, ...(witnesses.length === 0 ? {} : { witnesses }), ...failureJson(failure) });
  } else printVerdict(verdict, terminal);
  for (const { witness, error, warning } of witnesses) {
    if (error !== undefined) terminal.warn(`${witness} was not compared: ${error.message}`);
    else if (warning !== undefined) terminal.warn(`${witness}: ${warning}`);
  }
  if (failure !== undefined) terminal.note(`${failure.message}: ${failure.hint}`);
  return status;
}

function tampering({ firstBad }: LedgerVerdict, place: string): LockfastError | undefined {
  if (firstBad === undefined) return undefined;
  return new LockfastError('ledger-tampered', `${place}: entry ${firstBad.seq}: ${firstBad.reason}`, 'change nothing, copy it, and see docs/guides/ledger.md');
}

function strictFailure({ unanchored, dangling, findings }: LedgerVerdict, place: string, witnesses: readonly WitnessState[]): LockfastError | undefined {
  const unheard = witnesses.filter(({ error }) => error !== undefined).length;
  const found = [
    ...(unanchored > 0 ? [`${unanchored} unanchored`] : []),
    ...(dangling.length > 0 ? [`${dangling.length} without an outcome`] : []),
    ...(findings.length > 0 ? [`${findings.length} kinds of findings`] : []),
    ...(unheard > 0 ? [`${unheard} witnesses not compared`] : []),
  ];
  return found.length === 0 ? undefined : new LockfastError('ledger-findings', `${place}: ${found.join(', ')}`, 'run `lockfast ledger witness push`, and look at what `lockfast ledger list --outcome open` shows');
}
