import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';

import { audited } from '@lockfast/core/audited';
import { MOST_FILE_BYTES, parseFile } from '@lockfast/core/env';
import { LockfastError } from '@lockfast/core/errors';
import { ensureDirectory, type Expected, identityOf, readRegularFile, withFileLock, writeDurably } from '@lockfast/core/files';
import { KeyRing, openBackup, parseRing } from '@lockfast/core/keyring';
import { expandPath, type Surroundings } from '@lockfast/keys';

import { Arguments } from '../arguments.ts';
import { CONFIGURATION_FILE, findUpward } from '../configuration.ts';
import { encryptedEnvFiles } from '../env-files.ts';
import { listed } from '../listed.ts';
import { failuresOnRecord } from '../on-record.ts';
import { refuseOtherEnvironment } from '../other-environment.ts';
import { personBehind, requireRole } from '../permission.ts';
import { readRing } from '../ring-document.ts';
import { placeRing } from '../ring-file.ts';
import { type Acceptance, readFloor } from '../ring-floors.ts';
import type { Session } from '../session.ts';
import { configurationText, KEYRING } from '../setup/init.ts';
import { backupSource } from '../setup/recovery-backup.ts';
import { counted } from '../terminal.ts';
import { stateDirectory, surroundings, Workspace } from '../workspace.ts';
import { keysLacking, tenantsRevived } from './lacking-keys.ts';
import { type NewRoot, newRoot, nextSteps } from './new-root-key.ts';
import { openAll, printOpened } from './opened-files.ts';
import { orTakeBack } from './or-take-back.ts';
import { type Recovery, runDrill } from './restore-drill.ts';
import { shares } from './share-files.ts';

/** Where the ring is to be, and what is there of the project. */
interface Place {
  /** lockfast.toml, absolute; it may be missing. */
  readonly configuration: string;
  /** Undefined where there is no configuration. */
  readonly workspace: Workspace | undefined;
  readonly keyring: string;
  readonly around: Surroundings;
  readonly stateDirectory: string;
}

export async function run(args: Arguments, session: Session): Promise<number> {
  refuseUnusable(args, session);
  const place = placeOf(args, session);
  const event = { operation: args.flag('drill') ? 'key-restore-drill' : 'key-restore', object: place.keyring };
  if (place.workspace !== undefined) await requireRole(place.workspace, session, 'admin', event);
  if (!args.flag('drill')) refuseExisting(args, session, place);
  const recovery = await failuresOnRecord(place.workspace, event, () => openRecovery(args, session, place));
  if (place.workspace !== undefined) refuseOtherEnvironment(recovery.ring, place.workspace.configuration);
  const above = highestGeneration(recovery.ring, place);
  if (args.flag('drill')) return runDrill(args, session, place.workspace, recovery, above);
  return finish(args, session, place, recovery, await restore(args, session, place, recovery, above, event));
}

function refuseUnusable(args: Arguments, { command }: Session): void {
  const several = args.flag('shares');
  if (!several && args.operands.length !== 1) {
    throw new LockfastError('usage', `${command}: it takes one recovery backup, or shares`, 'write: lockfast key restore FILE, or: lockfast key restore --shares SHARE...');
  }
  if (several && args.text('passphrase-file') !== undefined) throw new LockfastError('usage', `${command}: shares have no passphrase`, 'leave --passphrase-file out');
  if (!several && args.text('ring') !== undefined) throw new LockfastError('usage', `${command}: --ring is of use with --shares alone: a backup is a ring itself`, 'leave --ring out');
}

function placeOf(args: Arguments, session: Session): Place {
  const dir = args.text('dir');
  const found = args.text('config') ?? (dir === undefined ? findUpward(session.directory) : join(resolve(session.directory, dir), CONFIGURATION_FILE));
  const configuration = found === undefined ? join(session.directory, CONFIGURATION_FILE) : resolve(session.directory, found);
  const state = stateDirectory(session);
  if (args.text('config') === undefined && !existsSync(configuration)) {
    const directory = dirname(configuration);
    return { configuration, workspace: undefined, keyring: join(directory, KEYRING), around: surroundings(session, directory), stateDirectory: state };
  }
  const workspace = new Workspace(new Arguments({ ...args.values, config: configuration }, args.operands, args.command), session);
  return { configuration, workspace, keyring: workspace.configuration.keyring, around: workspace.surroundings, stateDirectory: state };
}

/** With shares, the ring that is there is the one that they open. */
function refuseExisting(args: Arguments, session: Session, place: Place): void {
  const { keyring } = place;
  const opensIt = args.flag('shares') && ringFileOf(args, session, place) === keyring;
  if (args.flag('force') || opensIt || identityOf(keyring) === undefined || isBegun(args, session, place)) return;
  throw new LockfastError('ring-exists', `${keyring} exists already, and was left alone`, 'it may have keys that the backup lacks; to put the restored one in its place, and keep it beside: --force');
}

/** What these keys encrypted would not open any more. @throws LockfastError `ring-exists` */
function refuseLostKeys(args: Arguments, ring: KeyRing, keyring: string): void {
  const lost = keysLacking(ring, keyring);
  if (lost.length === 0 || args.flag('drop-keys')) return;
  throw new LockfastError(
    'ring-exists',
    `${keyring} has ${lost.length === 1 ? 'a key' : 'keys'} that would be lost: ${lost.join(', ')}; it was left alone`,
    'take a newer backup, or open this ring by shares or another key source; to give these keys up, and what they encrypted: --force --drop-keys',
  );
}

/** The ring of a restore that was killed before it wrote the configuration: of the same keys, and nothing names it. */
function isBegun(args: Arguments, session: Session, { workspace, keyring, ...place }: Place): boolean {
  if (workspace !== undefined) return false;
  try {
    const from = args.flag('shares') ? ringFileOf(args, session, { keyring, ...place }) : resolve(session.directory, args.operands[0]!);
    return readRing(from).ring === readRing(keyring).ring;
  } catch (error) {
    if (!(error instanceof LockfastError)) throw error;
    return false;
  }
}

/** The ring that shares are to open. */
function ringFileOf(args: Arguments, session: Session, { keyring }: Pick<Place, 'keyring'>): string {
  const given = args.text('ring');
  return given === undefined ? keyring : resolve(session.directory, given);
}

async function openRecovery(args: Arguments, session: Session, place: Place): Promise<Recovery> {
  if (args.flag('shares')) {
    const from = ringFileOf(args, session, place);
    const source = await shares(args.operands, session);
    return { ring: await KeyRing.open(textOf(from), from, [source]), from, kind: 'shares' };
  }
  const from = resolve(session.directory, args.operands[0]!);
  const text = textOf(from);
  // Before anybody is asked for its passphrase.
  parseRing(text, from);
  const source = await backupSource(args.text('passphrase-file'), { ...place.around, directory: session.directory });
  return { ring: await openBackup(text, from, source), from, kind: 'backup' };
}

function textOf(path: string): string {
  return readRegularFile(path, 'follow').bytes.toString('utf8');
}

/** The newest version of this ring that anything here knows of: the machine, the ring that is there, an env file. */
function highestGeneration({ version }: KeyRing, { workspace, keyring, stateDirectory: state }: Place): number {
  const generations = [version.generation, readFloor(state, version.ring)?.generation ?? 0];
  const files = workspace === undefined ? [] : encryptedEnvFiles(workspace.configuration);
  for (const read of [() => readRing(keyring), ...files.map((file) => () => headerRing(file))]) {
    try {
      const { ring, generation } = read();
      if (ring === version.ring) generations.push(generation);
    } catch (error) {
      // What is damaged says nothing; it is named when it is opened.
      if (!(error instanceof LockfastError)) throw error;
    }
  }
  return Math.max(...generations);
}

function headerRing(file: string): { ring: string; generation: number } {
  return parseFile(readRegularFile(file, 'follow', MOST_FILE_BYTES).bytes, file).header.ring;
}

interface Restored {
  readonly root: NewRoot;
  readonly ring: KeyRing;
  /** Whose keys were destroyed, and are there again. */
  readonly revived: readonly string[];
}

/** The root key first, then the ring, the configuration last. Killed in between, running it again finishes. */
async function restore(args: Arguments, session: Session, place: Place, { ring: opened, kind }: Recovery, above: number, event: { operation: string; object: string }): Promise<Restored> {
  const { keyring: path, workspace, stateDirectory: state } = place;
  const details = { from: kind, generation: opened.version.generation, above };
  return audited(await workspace?.audit(), { ...event, environment: opened.environment, details }, async () => {
    ensureDirectory(dirname(path));
    // What may be replaced was decided before: refuseExisting.
    const expected = identityOf(path) ?? 'absent';
    refuseLostKeys(args, opened, path);
    const revived = tenantsRevived(opened, path);
    const root = await rootFor(args, session, place);
    const ring = await orTakeBack(root, path, async () => {
      const next = (await opened.rewrappedFor([root.source])).reissued(above);
      if (!root.uri.startsWith('passphrase:')) await KeyRing.open(next.print(), path, [root.source]);
      if (!args.flag('shares')) await keepBeside(path, expected, state);
      const acceptance = acceptanceOf(session, opened, above, kind, state);
      await placeRing(workspace, { path, stateDirectory: state, opened, next, expected, acceptance });
      return next;
    });
    if (workspace === undefined) {
      const text = configurationText(opened.environment, root.uri);
      await withFileLock(state, place.configuration, () => writeDurably({ path: place.configuration, bytes: Buffer.from(text), mode: 0o644, expected: 'absent' }));
    }
    return { root, ring, revived };
  });
}

/**
 * The root key that the configuration names, if it is a file: as it is where it is there, for then only the ring was lost;
 * else a new one at its place. Nothing has to be configured anew then.
 */
async function rootFor(args: Arguments, session: Session, { workspace, around }: Place): Promise<NewRoot> {
  const given = args.text('key-source');
  const named = workspace?.configuration.namedSources.find((uri) => uri.startsWith('file:'));
  if (given !== undefined || args.text('new-key-out') !== undefined || named === undefined) return newRoot(args, session, around, given);
  const there = identityOf(expandPath(named.slice('file:'.length), around)) !== undefined;
  return there ? newRoot(args, session, around, named) : newRoot(args, session, around, undefined, named);
}

/** What is replaced may hold keys that the backup lacks, and whoever finds its root key can open it. One name for the same bytes. */
async function keepBeside(path: string, expected: Expected, state: string): Promise<void> {
  if (typeof expected === 'string') return;
  const { bytes } = readRegularFile(path, 'follow');
  const beside = `${path}.replaced-${createHash('sha256').update(bytes).digest('hex').slice(0, 8)}`;
  await withFileLock(state, beside, () => writeDurably({ path: beside, bytes, mode: 0o600, expected: 'anything' }));
}

function acceptanceOf(session: Session, { version }: KeyRing, above: number, kind: Recovery['kind'], state: string): Acceptance | undefined {
  if (readFloor(state, version.ring) === undefined) return undefined;
  const reason = kind === 'backup' ? 'restored from a recovery backup' : 'restored with shares';
  return { time: new Date().toISOString(), actor: personBehind(session).name, reason, generation: version.generation, above };
}

/** As whoever uses it from now on: through the configuration. */
async function finish(args: Arguments, session: Session, place: Place, { ring: opened, kind }: Recovery, { root, ring, revived }: Restored): Promise<number> {
  const { terminal } = session;
  const workspace = place.workspace ?? new Workspace(new Arguments({ ...args.values, config: place.configuration }, [], []), session);
  const { namedSources } = workspace.configuration;
  if (place.workspace === undefined) await (await workspace.audit())?.record({ operation: 'key-restore', object: place.keyring, environment: ring.environment, details: { from: kind }, outcome: 'success' });
  await workspace.signKeyChange(ring);
  const files = openAll(workspace, ring);
  if (revived.length > 0) terminal.warn(`keys that were destroyed are there again, of ${listed(revived)}: what those tenants had decrypts until \`lockfast tenant shred\` is run again`);
  if (args.flag('json')) {
    const { keyring, configuration } = place;
    terminal.json({ environment: ring.environment, generation: ring.version.generation, keyring, configuration, keySource: root.uri, rootKey: root.made ?? null, files });
  } else {
    terminal.line(`the key ring of ${ring.environment} is restored from ${kind === 'backup' ? 'the recovery backup' : 'the shares'}: ${counted(ring.keys.length, 'key')}, generation ${ring.version.generation}`);
    terminal.line(`  ${place.keyring}`);
    if (place.workspace === undefined) terminal.line(`  ${place.configuration}`);
    terminal.line(`  ${root.made ?? root.uri}   the ${root.made === undefined ? '' : 'new '}root key: never commit it`);
    printOpened(files, terminal);
    const gone = opened.sources.map(({ source }) => source).filter((uri) => kind === 'shares' && uri !== root.uri);
    if (gone.length > 0) terminal.warn(`these open the ring no more, add them again: ${gone.join(', ')}`);
    for (const line of nextSteps({ uri: root.uri, file: root.made, configuration: place.configuration, named: namedSources, keyring: place.keyring })) terminal.line(line);
  }
  return files.every(({ problem }) => problem === undefined) ? 0 : 1;
}
