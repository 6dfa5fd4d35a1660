import { existsSync, mkdirSync } from 'node:fs';
import { dirname, join, relative, resolve, sep } from 'node:path';

import { LockfastError } from '@lockfast/core/errors';
import { identityOf, writeDurably } from '@lockfast/core/files';
import { newKeyId } from '@lockfast/core/formats';
import { generateRootKey, isEnvironmentName, KeyRing } from '@lockfast/core/keyring';
import { expandPath, keySource, type Surroundings } from '@lockfast/keys';

import type { Arguments } from '../arguments.ts';
import { CONFIGURATION_FILE } from '../configuration.ts';
import { workTree } from '../git.ts';
import { writeNewRing } from '../ring-file.ts';
import type { Session } from '../session.ts';
import { stateDirectory, surroundings } from '../workspace.ts';
import { addLines, ATTRIBUTES, IGNORED } from './git-files.ts';
import { backupSource, writeBackup } from './recovery-backup.ts';

const KEYRING = '.lockfast/keyring.json';

export async function run(args: Arguments, session: Session): Promise<number> {
  const directory = resolve(session.directory, args.text('dir') ?? '.');
  const environment = args.text('environment') ?? 'production';
  const ringPath = join(directory, KEYRING);
  refuseExisting(directory, ringPath, environment);
  const around = await newKeySurroundings(session, directory);
  const backup = args.text('backup');
  // Asked before anything is written: a passphrase that is not given must leave nothing behind.
  const recovery = backup === undefined ? undefined : await backupSource(args.text('passphrase-file'), { ...around, directory: session.directory });
  mkdirSync(dirname(ringPath), { recursive: true, mode: 0o700 });
  const { uri, made } = makeRootKey(args.text('key-source'), around, session);
  const ring = await KeyRing.create(environment, [keySource(uri, around)]);
  const written = backup === undefined || recovery === undefined ? ring : await writeBackup(ring, recovery, resolve(session.directory, backup));
  await writeNewRing(ringPath, written, stateDirectory(session));
  const configuration = join(directory, CONFIGURATION_FILE);
  writeDurably({ path: configuration, bytes: Buffer.from(configurationText(environment, uri)), mode: 0o644, expected: 'absent' });
  const ignored = [...IGNORED, ...ignoredKey(made, directory)];
  addLines(directory, '.gitignore', ignored);
  addLines(directory, '.gitattributes', ATTRIBUTES);
  report(args, session, { environment, configuration, ringPath, made, uri, backup, ring: written });
  return 0;
}

function refuseExisting(directory: string, ringPath: string, environment: string): void {
  if (!isEnvironmentName(environment)) {
    throw new LockfastError('usage', 'init: the environment name is not usable', 'use letters, digits, dots, dashes and underscores, at most 64');
  }
  if (identityOf(ringPath) !== undefined) {
    throw new LockfastError('ring-exists', `${ringPath} exists already, and was left alone`, 'a new ring would open nothing that it encrypted; see `lockfast status`');
  }
  if (existsSync(join(directory, CONFIGURATION_FILE))) {
    throw new LockfastError('exists', `${join(directory, CONFIGURATION_FILE)} exists already, without its key ring`, 'get the key ring from git or a backup; for a new start remove that file first');
  }
}

/** As usual, but a passphrase is a new one here: it is asked for twice. */
async function newKeySurroundings(session: Session, directory: string): Promise<Surroundings> {
  const { askNewSecret } = await import('../prompt.ts');
  return { ...surroundings(session, directory), askPassphrase: askNewSecret };
}

/** The key source to use; a `file:` that does not exist yet is made, with a new root key. */
function makeRootKey(given: string | undefined, around: Surroundings, { environment }: Session): { uri: string; made: string | undefined } {
  const configHome = environment['XDG_CONFIG_HOME'];
  const name = `${newKeyId(new Set())}.key`;
  const uri = given ?? `file:${configHome !== undefined && configHome.startsWith('/') ? join(configHome, 'lockfast', name) : `~/.config/lockfast/${name}`}`;
  if (!uri.startsWith('file:')) return { uri, made: undefined };
  const path = expandPath(uri.slice('file:'.length), around);
  if (existsSync(path)) return { uri, made: undefined };
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  writeDurably({ path, bytes: Buffer.from(`${generateRootKey()}\n`), mode: 0o400, expected: 'absent' });
  return { uri, made: path };
}

/** A root key inside the project must never be committed. */
function ignoredKey(made: string | undefined, directory: string): string[] {
  const inside = made === undefined ? undefined : relative(directory, made);
  return inside === undefined || inside.startsWith('..') ? [] : [`/${inside.split(sep).join('/')}`];
}

function configurationText(environment: string, uri: string): string {
  return `environment = ${JSON.stringify(environment)}
keyring = ${JSON.stringify(KEYRING)}
key-source = ${JSON.stringify(uri)}    # several: a list
dialect = "node"    # node, dotenv, python, docker, systemd, compose, shell

# [tenants]
# path = "/srv/tenants/{tenant}"
`;
}

interface Outcome {
  readonly environment: string;
  readonly configuration: string;
  readonly ringPath: string;
  readonly made: string | undefined;
  readonly uri: string;
  readonly backup: string | undefined;
  readonly ring: KeyRing;
}

function report(args: Arguments, { terminal, directory: here }: Session, { environment, configuration, ringPath, made, uri, backup, ring }: Outcome): void {
  const { id } = ring.active();
  if (args.flag('json')) {
    terminal.json({ environment, configuration, keyring: ringPath, keySource: uri, rootKey: made ?? null, key: id, backup: backup ?? null });
    return;
  }
  const shown = (path: string): string => (relative(here, path).startsWith('..') ? path : relative(here, path));
  terminal.line(`Key ring of ${environment}, with the key ${id}:`);
  terminal.line(`  ${shown(ringPath)}   commit it: it opens nothing without the root key`);
  terminal.line(`  ${shown(configuration)}   commit it`);
  terminal.line(`  ${made ?? uri}   the root key: never commit it`);
  if (backup === undefined) {
    terminal.note('no recovery backup was made: when the root key is lost, everything encrypted is lost: make one with --backup FILE, or copy the root key to a safe place');
  } else {
    terminal.line(`  ${backup}   the recovery backup: store it off this machine, and its passphrase apart from it`);
  }
  if (workTree(dirname(configuration)) !== undefined) terminal.line('For merges by variable, once in each clone: lockfast env merge --install');
  terminal.line('Next: lockfast env encrypt');
}
