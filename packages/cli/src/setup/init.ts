import { existsSync, rmdirSync, rmSync } from 'node:fs';
import { dirname, join, relative, resolve, sep } from 'node:path';

import { LockfastError } from '@lockfast/core/errors';
import { ensureDirectory, identityOf, withFileLock, writeDurably } from '@lockfast/core/files';
import { isEnvironmentName, KeyRing } from '@lockfast/core/keyring';
import { expandPath, keySource, type Surroundings } from '@lockfast/keys';
import { Ledger } from '@lockfast/ledger';

import { currentActor } from '../actor.ts';
import type { Arguments } from '../arguments.ts';
import { CONFIGURATION_FILE } from '../configuration.ts';
import { workTree } from '../git.ts';
import { makeRootKeyFile, usualKeySource } from '../key/new-root-key.ts';
import { createLedger, removeLedger } from '../ledger-place.ts';
import { readRing } from '../ring-document.ts';
import { writeNewRing } from '../ring-file.ts';
import type { Session } from '../session.ts';
import { stateDirectory, surroundings } from '../workspace.ts';
import { addLines, ATTRIBUTES, IGNORED, IGNORED_STATE } from './git-files.ts';
import { backupSource, ledgerKeyOf, writeBackup } from './recovery-backup.ts';

export const KEYRING = '.lockfast/keyring.json';
const LEDGER = '.lockfast/ledger.db';

/** The configuration comes last: while it is missing, running `init` again finishes. */
export async function run(args: Arguments, session: Session): Promise<number> {
  const directory = resolve(session.directory, args.text('dir') ?? '.');
  const environment = args.text('environment') ?? 'production';
  const place = { directory, ringPath: join(directory, KEYRING), ledgerPath: join(directory, LEDGER), configuration: join(directory, CONFIGURATION_FILE) };
  const state = stateDirectory(session);
  refuseUnusable(args, environment);
  if (existsSync(place.configuration)) await withFileLock(state, place.configuration, () => refuseExisting(place)); // the lock sweeps what a killed run left
  const made = (await begunRing(args, environment, place, state)) ?? (await makeRing(args, environment, place, session));
  const { uri } = made;
  await recordInit(environment, place, made, state, session);
  await addLines(directory, '.gitignore', [...IGNORED, ...IGNORED_STATE, ...ignoredKey(uri, surroundings(session, directory))], state);
  await addLines(directory, '.gitattributes', ATTRIBUTES, state);
  const text = schemaLine(directory) + configurationText(environment, uri);
  await withFileLock(state, place.configuration, () => writeDurably({ path: place.configuration, bytes: Buffer.from(text), mode: 0o644, expected: 'absent' }));
  report(args, session, { environment, ...place, ...made });
  return 0;
}

interface Place {
  readonly directory: string;
  readonly ringPath: string;
  readonly ledgerPath: string;
  readonly configuration: string;
}

interface MadeRing {
  /** The key source that opens it. */
  readonly uri: string;
  /** The file of the root key, if this made it. */
  readonly rootKey: string | undefined;
  /** Its active key. */
  readonly key: string;
  readonly backup: string | undefined;
}

function refuseUnusable(args: Arguments, environment: string): void {
  if (!isEnvironmentName(environment)) {
    throw new LockfastError('usage', 'init: the environment name is not usable', 'use letters, digits, dots, dashes and underscores, at most 64');
  }
  if (args.text('passphrase-file') !== undefined && args.text('backup') === undefined) {
    throw new LockfastError('usage', 'init: --passphrase-file is of use with --backup alone', 'say where the backup goes with --backup FILE');
  }
}

function refuseExisting({ ringPath, configuration }: Place): never {
  if (identityOf(ringPath) !== undefined) throw ringExists(ringPath);
  throw new LockfastError('exists', `${configuration} exists already, without its key ring`, 'get the key ring from git or a backup; for a new start remove that file first');
}

function ringExists(ringPath: string): LockfastError {
  return new LockfastError('ring-exists', `${ringPath} exists already, and was left alone`, 'a new ring would open nothing that it encrypted; see `lockfast status`');
}

/** The ring of an `init` that was killed before it wrote the configuration, if it was asked for the same. @throws LockfastError `ring-exists` */
async function begunRing(args: Arguments, environment: string, { ringPath }: Place, state: string): Promise<MadeRing | undefined> {
  if (identityOf(ringPath) === undefined) return undefined;
  const { backup, sources, keys, ...document } = await withFileLock(state, ringPath, () => readRing(ringPath));
  const [source] = sources;
  const active = keys.find((key) => key.state === 'active');
  const asked = args.text('key-source') ?? source?.source;
  const same = document.environment === environment && sources.length === 1 && source?.source === asked && (args.text('backup') === undefined || backup !== null);
  if (!same || active === undefined) throw ringExists(ringPath);
  return { uri: source!.source, rootKey: undefined, key: active.id, backup: args.text('backup') };
}

/** Makes the root key, the backup and the ring; when the ring does not come to be, what was made for it goes again. */
async function makeRing(args: Arguments, environment: string, { directory, ringPath, ledgerPath }: Place, session: Session): Promise<MadeRing> {
  const around = await newKeySurroundings(session, directory);
  const backup = args.text('backup');
  // Asked before anything is written: a passphrase that is not given must leave nothing behind.
  const recovery = backup === undefined ? undefined : await backupSource(args.text('passphrase-file'), { ...around, directory: session.directory });
  const undo: (() => void)[] = [];
  try {
    undo.push(makeDirectory(dirname(ringPath)));
    const { uri, rootKey } = await makeRootKey(args.text('key-source'), around, session, undo);
    const ring = await KeyRing.create(environment, [keySource(uri, around)]);
    const state = stateDirectory(session);
    // Before the backup, which alone keeps the first key of the ledger's MACs.
    const ledger = await newLedger(ledgerPath, state, session, undo);
    const written = backup === undefined || recovery === undefined ? ring : await writeBackup(ring, recovery, resolve(session.directory, backup), state, undo, await ledgerKeyOf(ledger));
    await ledger.close();
    await writeNewRing(ringPath, written, stateDirectory(session));
    return { uri, rootKey, key: written.active().id, backup };
  } catch (error) {
    // The ring may be there all the same: "was written, but".
    if (identityOf(ringPath) === undefined) takeBack(undo);
    throw error;
  }
}

async function newLedger(path: string, state: string, session: Session, undo: (() => void)[]): Promise<Ledger> {
  // Before it is made: what a full disk refused half of must go, too.
  if (identityOf(path) === undefined) undo.push(() => removeLedger(path, state));
  const store = await createLedger(path, state);
  return Ledger.open(store, { actor: currentActor(session), stateDirectory: state });
}

/** The first thing that is on record. */
async function recordInit(environment: string, { ringPath, ledgerPath }: Place, { key }: MadeRing, state: string, session: Session): Promise<void> {
  const ledger = await newLedger(ledgerPath, state, session, []);
  await ledger.record({ operation: 'init', object: ringPath, environment, keyId: key, outcome: 'success' });
  await ledger.close();
}

/** @returns removes what it made, as far as nothing else came to lie in it */
function makeDirectory(path: string): () => void {
  const highest = ensureDirectory(path);
  if (highest === undefined) return () => {};
  return () => {
    for (let at = path; at.startsWith(highest); at = dirname(at)) rmdirSync(at);
  };
}

/** In reverse. What can't be removed, such as a directory that is not empty, stays and does no harm. */
function takeBack(undo: readonly (() => void)[]): void {
  for (const step of undo.toReversed()) {
    try {
      step();
    } catch {}
  }
}

/** As usual, but a passphrase is a new one here: it is asked for twice. */
async function newKeySurroundings(session: Session, directory: string): Promise<Surroundings> {
  const { askNewSecret } = await import('../prompt.ts');
  return { ...surroundings(session, directory), askPassphrase: askNewSecret };
}

/** The key source to use; a `file:` that does not exist yet is made, with a new root key. */
async function makeRootKey(given: string | undefined, around: Surroundings, session: Session, undo: (() => void)[]): Promise<Pick<MadeRing, 'uri' | 'rootKey'>> {
  const uri = given ?? usualKeySource(session);
  if (!uri.startsWith('file:')) return { uri, rootKey: undefined };
  const path = expandPath(uri.slice('file:'.length), around);
  if (existsSync(path)) return { uri, rootKey: undefined };
  undo.push(makeDirectory(dirname(path)));
  await makeRootKeyFile(path, stateDirectory(session));
  undo.push(() => rmSync(path, { force: true }));
  return { uri, rootKey: path };
}

/** A root key inside the project must never be committed. */
function ignoredKey(uri: string, around: Surroundings): string[] {
  const inside = uri.startsWith('file:') ? relative(around.directory, expandPath(uri.slice('file:'.length), around)) : '..';
  return inside.startsWith('..') ? [] : [`/${inside.split(sep).join('/')}`];
}

/** For editors, where the schema is at hand: no address of ours is needed, and none can go away. */
function schemaLine(directory: string): string {
  const schema = 'node_modules/lockfast/schema/lockfast.schema.json';
  return existsSync(join(directory, schema)) ? `#:schema ./${schema}\n` : '';
}

export function configurationText(environment: string, uri: string): string {
  return `environment = ${JSON.stringify(environment)}
keyring = ${JSON.stringify(KEYRING)}
key-source = ${JSON.stringify(uri)}    # several: a list
ledger = ${JSON.stringify(`sqlite:${LEDGER}`)}    # or postgres://...
dialect = "node"    # node, dotenv, python, docker, systemd, compose, shell

# [tenants]
# path = "/srv/tenants/{tenant}"

# [schedule]
# rotate = "90d"

# [roles]
# admin = ["root", "@ops"]
`;
}

function report(args: Arguments, session: Session, made: Place & MadeRing & { readonly environment: string }): void {
  const { terminal, directory: here } = session;
  const { environment, configuration, ringPath, rootKey, uri, key, backup } = made;
  if (args.flag('json')) {
    terminal.json({ environment, configuration, keyring: ringPath, keySource: uri, rootKey: rootKey ?? null, key, backup: backup ?? null });
    return;
  }
  const shown = (path: string): string => (relative(here, path).startsWith('..') ? path : relative(here, path));
  terminal.line(`Key ring of ${environment}, with the key ${key}:`);
  terminal.line(`  ${shown(ringPath)}   commit it: it opens nothing without the root key`);
  terminal.line(`  ${shown(configuration)}   commit it`);
  terminal.line(`  ${rootKey ?? uri}   the root key: never commit it`);
  if (backup === undefined) {
    terminal.note('no recovery backup was made: when the root key is lost, everything encrypted is lost: make one with `lockfast key backup FILE`, and keep it off this machine');
  } else {
    terminal.line(`  ${backup}   the recovery backup: store it off this machine, and its passphrase apart from it`);
  }
  if (workTree({ ...session, directory: dirname(configuration) }) !== undefined) terminal.line('For merges by variable, once in each clone: lockfast env merge --install');
  terminal.line('Next: lockfast env encrypt');
}
