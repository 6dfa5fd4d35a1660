/** Whether the key ring opens, by which sources, and who else could read what opens it. */
import { dirname } from 'node:path';
import { statSync } from 'node:fs';

import { LockfastError } from '@lockfast/core/errors';
import { readRegularFile } from '@lockfast/core/files';
import { KeyRing, parseRing, refuseOlderRing } from '@lockfast/core/keyring';
import { keySource, type Surroundings } from '@lockfast/keys';

import type { Configuration } from '../configuration.ts';
import { readFloor } from '../ring-floors.ts';
import type { Session } from '../session.ts';
import { stateDirectory, surroundings } from '../workspace.ts';
import { type Check, failure, good, refused, warning } from './check.ts';

/** What came of one key source: the opened ring, or why not. */
interface Tried {
  readonly name: string;
  readonly ring: KeyRing | undefined;
  readonly asks: boolean;
  readonly detail: string;
  readonly hint: string;
}

export interface KeyChecks {
  readonly checks: readonly Check[];
  /** What was opened, if anything. */
  readonly ring: KeyRing | undefined;
  /** Whether a passphrase that nobody was asked for may open it. */
  readonly undecided: boolean;
  /** How the keys may come back when nothing opens the ring, as an imperative clause; undefined when no way is known. */
  readonly way: string | undefined;
}

export async function keyChecks(configuration: Configuration, session: Session): Promise<KeyChecks> {
  const { keyring, keySources } = configuration;
  let text: string;
  try {
    text = readRegularFile(keyring, 'follow').bytes.toString('utf8');
  } catch (error) {
    const hint = 'get it from git or a backup; `lockfast init` makes a new one, which opens nothing that exists';
    return { checks: [failure('key ring', refused(error)[0], hint)], ring: undefined, undecided: false, way: 'get the key ring from git, or restore it: lockfast key restore FILE' };
  }
  const around: Surroundings = { ...surroundings(session, dirname(configuration.file)), askPassphrase: refuseToAsk };
  const tried = await Promise.all(keySources.map((uri, i) => trySource(uri, i, text, keyring, around)));
  const ring = tried.find((one) => one.ring !== undefined)?.ring;
  const opened = ring === undefined ? [unopened(tried)] : [ringCheck(ring, configuration, session), backupCheck(ring)];
  return {
    checks: [...opened, modeCheck(keyring, keySources), ...tried.map((one) => sourceCheck(one, ring !== undefined))],
    ring,
    undecided: ring === undefined && tried.some(({ asks }) => asks),
    way: wayBack(text, keyring),
  };
}

/** As the ring itself tells, which nothing vouches for while it does not open. */
function wayBack(text: string, keyring: string): string | undefined {
  try {
    const { backup, sources } = parseRing(text, keyring);
    const shares = sources.some(({ source }) => source.startsWith('shares:'));
    if (backup !== null) return `restore the recovery backup of ${backup.slice(0, 10)}: lockfast key restore FILE`;
    return shares ? 'bring the shares of its root key together: lockfast key combine SHARE...' : undefined;
  } catch (error) {
    if (!(error instanceof LockfastError)) throw error;
    return 'get the key ring from git, or restore it: lockfast key restore FILE';
  }
}

/** Doctor runs in scripts too. A passphrase that is asked for when it is wanted is no fault. */
async function refuseToAsk(): Promise<never> {
  throw new LockfastError('terminal-needed', 'asks for the passphrase when it is used; not tried', '');
}

async function trySource(uri: string, i: number, text: string, path: string, around: Surroundings): Promise<Tried> {
  // A URI of no known scheme may be the key itself, pasted into the wrong place.
  const name = /^(file|env|credential|passphrase):/.test(uri) ? uri : `number ${i + 1}`;
  try {
    return { name, ring: await KeyRing.open(text, path, [keySource(uri, around)]), asks: false, detail: 'opens the key ring', hint: '' };
  } catch (error) {
    const [detail, hint] = refused(error);
    return { name, ring: undefined, asks: (error as LockfastError).code === 'terminal-needed', detail, hint };
  }
}

/** One that is meant for other machines, CI's for example, can't be reached here: no failure while another one opens. */
function sourceCheck({ name, ring, asks, detail, hint }: Tried, opens: boolean): Check {
  const title = `key source ${name}`;
  if (ring !== undefined || asks) return good(title, detail);
  return opens ? warning(title, detail, hint) : failure(title, detail, hint);
}

function unopened(tried: readonly Tried[]): Check {
  const name = 'key ring';
  if (tried.some(({ asks }) => asks)) return warning(name, 'it was not opened, since a passphrase is asked for', 'try it with: lockfast key list');
  return failure(name, 'no configured key source opens it', 'see the lines of the key sources, and `lockfast key source list` for those that it knows');
}

function ringCheck(ring: KeyRing, { environment }: Configuration, session: Session): Check {
  const name = 'key ring';
  const { ring: id, generation } = ring.version;
  if (ring.environment !== environment) return failure(name, `it is of the environment ${ring.environment}, the configuration says ${environment}`, 'use the key ring of this environment');
  try {
    const seen = readFloor(stateDirectory(session), id);
    if (seen !== undefined) refuseOlderRing(ring.version, seen, 'this machine');
    return good(name, `opens, generation ${generation}, active key ${ring.active().id}`);
  } catch (error) {
    return failure(name, ...refused(error));
  }
}

function backupCheck({ backup, keys }: KeyRing): Check {
  const name = 'recovery backup';
  const day = backup?.slice(0, 10);
  if (backup === null) return warning(name, 'none was made', 'when the root key is lost, everything encrypted is lost: make one with: lockfast key backup FILE');
  const newer = keys.some(({ created }) => created > backup);
  return newer ? warning(name, `that of ${day} lacks the newest key`, 'make a new one: lockfast key backup FILE') : good(name, `made on ${day}`);
}

/** Git makes files that others may read, and it does not matter; but behind a passphrase the ring is what a guesser needs. */
function modeCheck(path: string, sources: readonly string[]): Check {
  const name = 'key ring file';
  const mode = statSync(path).mode & 0o777;
  const shown = `${path} has mode ${mode.toString(8).padStart(4, '0')}`;
  if ((mode & 0o022) !== 0) return failure(name, `${shown}: others may change it`, `run: chmod 0600 ${path}`);
  const guessable = (mode & 0o044) !== 0 && sources.some((uri) => uri.startsWith('passphrase:'));
  return guessable ? warning(name, `${shown}: others may read it, and try passphrases on it`, `run: chmod 0600 ${path}`) : good(name, shown);
}
