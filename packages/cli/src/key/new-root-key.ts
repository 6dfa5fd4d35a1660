/** A new root key in a file, and what to do with it on the machines that need it. */
import { rmSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';

import { LockfastError } from '@lockfast/core/errors';
import { ensureDirectory, identityOf, shownPath, systemFailure, withFileLock, writeDurably } from '@lockfast/core/files';
import { newKeyId } from '@lockfast/core/formats';
import { generateRootKey } from '@lockfast/core/keyring';
import type { KeySource } from '@lockfast/core/ports';
import { expandPath, keySource, type Surroundings } from '@lockfast/keys';

import type { Arguments } from '../arguments.ts';
import type { Session } from '../session.ts';
import { quotedWord } from '../shell-word.ts';
import { stateDirectory } from '../workspace.ts';

const KEY_MODE = 0o400;

/** What the ring is to be wrapped for. */
export interface NewRoot {
  /** As `key-source` in lockfast.toml names it. */
  readonly uri: string;
  readonly source: KeySource;
  /** The file that was made, absolute; undefined for a root key that was there. */
  readonly made: string | undefined;
  /** Removes that file again, for when the ring does not come to be wrapped for it. */
  readonly takeBack: () => void;
}

/**
 * The root key that the arguments ask for: one that is there, or a new one in a file, durable when this returns.
 *
 * @param given the URI of a source that is there, if one was given
 * @param usual where a new one goes if nothing else is said
 * @throws LockfastError `usage`, `exists`, `invalid-source`, `source-unavailable`, `write-failed`
 */
export async function newRoot(args: Arguments, session: Session, around: Surroundings, given: string | undefined, usual = usualKeySource(session)): Promise<NewRoot> {
  const out = args.text('new-key-out');
  if (given !== undefined) {
    if (out !== undefined) throw new LockfastError('usage', `${session.command}: a key source that is there and --new-key-out exclude each other`, 'give one of them');
    const { askNewSecret } = await import('../prompt.ts');
    return { uri: given, source: keySource(given, { ...around, askPassphrase: askNewSecret }), made: undefined, takeBack: () => {} };
  }
  const uri = out === undefined ? usual : `file:${resolve(session.directory, out)}`;
  const path = expandPath(uri.slice('file:'.length), around);
  await makeRootKeyFile(path, stateDirectory(session));
  return { uri, source: keySource(uri, around), made: path, takeBack: () => removeAgain(path) };
}

/** The URI of a root key that does not exist yet, where `init` puts one, too. */
export function usualKeySource({ environment }: Session): string {
  const configHome = environment['XDG_CONFIG_HOME'];
  const name = `${newKeyId(new Set())}.key`;
  return `file:${configHome !== undefined && configHome.startsWith('/') ? join(configHome, 'lockfast', name) : `~/.config/lockfast/${name}`}`;
}

/** Writes a root key, durably. @param key as text @throws LockfastError `exists`, `write-failed` */
export async function makeRootKeyFile(path: string, state: string, key: string = generateRootKey()): Promise<void> {
  if (identityOf(path) !== undefined) {
    throw new LockfastError('exists', `${path} exists already, and was left alone`, `name another file; to use the root key that is in it, name it as file:${path}`);
  }
  ensureDirectory(dirname(path));
  await withFileLock(state, path, () => writeDurably({ path, bytes: Buffer.from(`${key}\n`), mode: KEY_MODE, expected: 'absent' }));
}

/** What a new root key is for. */
export interface RootKeyUse {
  /** As `key-source` names it. */
  readonly uri: string;
  /** The file that holds it; undefined when it was shown or lies elsewhere. */
  readonly file: string | undefined;
  /** lockfast.toml, absolute. */
  readonly configuration: string;
  /** The sources that lockfast.toml names now. */
  readonly named: readonly string[];
  /** The ring's file, absolute. */
  readonly keyring: string;
}

/** What is left to do by hand, line by line; `key rewrap`, `key restore` and `key rotate --root` end with it. */
export function nextSteps({ uri, file, configuration, named, keyring }: RootKeyUse): string[] {
  const key = file === undefined ? 'FILE' : shellWord(file);
  const changed = named.includes(uri) ? [] : [`  lockfast.toml   key-source = ${JSON.stringify(uri)}    in ${configuration}`];
  return [
    'Next, wherever the ring is opened:',
    ...changed,
    `  key ring        commit ${keyring}, and bring it there before the old root key goes`,
    `  systemd         systemd-creds encrypt --name=lockfast ${key} /etc/credstore.encrypted/lockfast`,
    '                  in the unit: LoadCredentialEncrypted=lockfast and Environment=LOCKFAST_KEY_SOURCE=credential:lockfast',
    '                  then: systemctl daemon-reload && systemctl restart SERVICE',
    `  Kubernetes      kubectl create secret generic lockfast --from-file=root-key=${key} --dry-run=client -o yaml | kubectl apply -f -`,
    '                  mounted with defaultMode: 0400, and LOCKFAST_KEY_SOURCE=file:/run/lockfast/root-key; then: kubectl rollout restart deployment NAME',
    `  Compose         secrets: { lockfast: { file: ${key} } }, owned by the container's user, and LOCKFAST_KEY_SOURCE=file:/run/secrets/lockfast`,
    '                  then: docker compose up -d --force-recreate',
    '  check           lockfast env verify',
  ];
}

function shellWord(text: string): string {
  return /^[A-Za-z0-9_@%+=:,./-]+$/.test(text) ? text : quotedWord(text);
}

function removeAgain(path: string): void {
  try {
    rmSync(path, { force: true });
  } catch (error) {
    throw systemFailure(error, `${shownPath(path)}, a root key that opens nothing, was not removed`, 'write-failed');
  }
}
