/** The root key's part in a rotation: the new one opens the ring beside the old one until all files are done, then alone. */
import { resolve } from 'node:path';

import { LockfastError } from '@lockfast/core/errors';
import { identityOf, withFileLock } from '@lockfast/core/files';
import { generateRootKey, KeyRing, parseRootKey, rootKeyFingerprint, Secret } from '@lockfast/core/keyring';
import type { KeySource } from '@lockfast/core/ports';
import type { RootChange, RootSteps } from '@lockfast/core/rotation';
import { fileRootKey, keySource, RootKeySource } from '@lockfast/keys';

import type { Arguments } from '../arguments.ts';
import { replaceKeySource } from '../configuration-edit.ts';
import type { Session } from '../session.ts';
import type { Workspace } from '../workspace.ts';
import { makeRootKeyFile, nextSteps } from './new-root-key.ts';
import { refuseUnreachable, remainingSources } from './reachable-sources.ts';

/**
 * Which root key is replaced, and where the new one goes. Refuses here what would fail at the end.
 *
 * @throws LockfastError `usage`, `exists`, `source-unavailable`
 */
export async function planRoot(args: Arguments, { terminal, directory }: Session, workspace: Workspace, ring: KeyRing): Promise<RootChange> {
  const out = args.text('new-key-out');
  if (out === undefined && !terminal.interactive) {
    throw new LockfastError('usage', 'key rotate: --root makes a new root key, and there is no terminal to show it on', 'say where it goes with --new-key-out FILE');
  }
  const file = out === undefined ? null : resolve(directory, out);
  if (file !== null && identityOf(file) !== undefined) {
    throw new LockfastError('exists', `${file} exists already, and was left alone`, 'name another file with --new-key-out');
  }
  const replaces = await openingSource(ring, workspace);
  const { missed } = await remainingSources(ring, [replaces], workspace.surroundings);
  refuseUnreachable(missed, args.flag('drop-unreachable'));
  return { source: file === null ? replaces : `file:${file}`, file, fingerprint: null, replaces, drops: missed };
}

/** The source among the configured ones that opens the ring, by the name that the ring has for it if it knows that one. */
async function openingSource(ring: KeyRing, { configuration, surroundings }: Workspace): Promise<string> {
  for (const uri of configuration.keySources) {
    try {
      await KeyRing.open(ring.print(), configuration.keyring, [keySource(uri, surroundings)]);
      return uri;
    } catch (error) {
      if (!(error instanceof LockfastError)) throw error;
    }
  }
  throw new LockfastError('source-unavailable', 'no configured key source opens the key ring', 'see `lockfast doctor`');
}

export class RootRotation implements RootSteps {
  readonly #change: RootChange;
  readonly #session: Session;
  readonly #workspace: Workspace;
  /** The new root key, where no file holds it. */
  #shown: string | undefined;
  /** Of the root key in the file, as the record has it. */
  #fingerprint: string | null;
  #closed: KeyRing | undefined;

  constructor(change: RootChange, session: Session, workspace: Workspace) {
    this.#change = change;
    this.#fingerprint = change.fingerprint;
    this.#session = session;
    this.#workspace = workspace;
  }

  /** The ring that the old root key opens no more, once it is there. */
  get closed(): KeyRing | undefined {
    return this.#closed;
  }

  async open(ring: KeyRing, remember: (fingerprint: string) => Promise<void>): Promise<KeyRing> {
    const { file } = this.#change;
    // A key that is only shown is nowhere until somebody has stored it: it comes into the ring when the old one goes.
    if (file === null) return ring;
    if (identityOf(file) === undefined) await this.#make(file, remember);
    // The lock alone: a run that was killed while it made the file may have left a second name of it.
    else await withFileLock(this.#workspace.stateDirectory, file, () => {});
    this.#read(file);
    return (await this.#opens(ring)) ? ring : ring.withNewRoot(this.#source());
  }

  async close(ring: KeyRing): Promise<KeyRing> {
    const { file, source, replaces, drops } = this.#change;
    const { reached, missed } = await remainingSources(ring, [source, replaces], this.#workspace.surroundings);
    // A killed run may have been begun where more could be reached.
    refuseUnreachable(missed.filter((gone) => !drops.includes(gone)), false);
    if (file === null) await this.#show();
    // First: from here on both open the ring, so that whoever starts meanwhile finds one that does.
    else await replaceKeySource(this.#workspace.configuration, replaces, source, this.#workspace.stateDirectory);
    for (const gone of missed) this.#session.terminal.warn(`${gone} was removed: add it again with its key at hand`);
    const old = keySource(replaces, this.#workspace.surroundings);
    const others: KeySource[] = [];
    // The replaced key may stand in the ring under another name, too: a path written otherwise, another machine's.
    for (const candidate of reached) if (!(await haveOneKey(candidate, old))) others.push(candidate);
    const last = await ring.rewrappedFor([this.#source(), ...others]);
    this.#closed = last;
    return last;
  }

  sayWhatIsNext(): void {
    const { configuration } = this.#workspace;
    const { source, file } = this.#change;
    const lines = nextSteps({ uri: source, file: file ?? undefined, configuration: configuration.file, named: [source], keyring: configuration.keyring });
    this.#session.terminal.line(`The old root key opens the key ring no more: ${this.#change.replaces} is of no use now.`);
    for (const line of lines) this.#session.terminal.line(line);
  }

  async #make(file: string, remember: (fingerprint: string) => Promise<void>): Promise<void> {
    const key = generateRootKey();
    const fingerprint = rootKeyFingerprint(parseRootKey(key));
    // First: killed in between, there is no file, and the next run makes another key.
    await remember(fingerprint);
    this.#fingerprint = fingerprint;
    await makeRootKeyFile(file, this.#workspace.stateDirectory, key);
  }

  /** Each time that the file is read: whoever may write its directory can put another key there at any moment. */
  #read(file: string): Secret {
    const key = fileRootKey(file, this.#workspace.surroundings);
    if (rootKeyFingerprint(key) === this.#fingerprint) return key;
    throw new LockfastError(
      'conflict',
      `${file} holds another root key than the one that this rotation made, and the key ring was not wrapped for it`,
      'find out who put it there; move it away, then run `lockfast key rotate` again: it makes another root key',
    );
  }

  #source(): KeySource {
    const { file, source } = this.#change;
    if (file !== null) return new RootKeySource(source, `the root key in ${file}`, () => this.#read(file));
    const text = this.#newKey();
    return new RootKeySource(source, 'the new root key', () => parseRootKey(text));
  }

  #newKey(): string {
    this.#shown ??= generateRootKey();
    return this.#shown;
  }

  async #opens(ring: KeyRing): Promise<boolean> {
    try {
      await KeyRing.open(ring.print(), this.#workspace.configuration.keyring, [this.#source()]);
      return true;
    } catch (error) {
      if (error instanceof LockfastError) return false;
      throw error;
    }
  }

  /** Once, on the terminal, before the old one goes: what is not stored now is lost. */
  async #show(): Promise<void> {
    const { askHidden } = await import('../prompt.ts');
    const key = this.#newKey();
    this.#session.terminal.note('the new root key, shown once; store it where the old one is kept:');
    this.#session.terminal.overwrite(`\n  ${key}\n\n`);
    try {
      await askHidden('Enter when it is stored; Ctrl-C keeps the old one');
    } catch (error) {
      if (!(error instanceof LockfastError)) throw error;
      throw new LockfastError('rotation-incomplete', 'the old root key stays, and the one that was shown is of no use', 'run `lockfast key rotate` again: it shows another one, and finishes', error);
    }
  }
}

/** Whether what one source wraps, the other unwraps. */
async function haveOneKey(one: KeySource, other: KeySource): Promise<boolean> {
  const nothing = Buffer.alloc(0);
  try {
    await other.unwrap(await one.wrap(Secret.random(), nothing), nothing);
    return true;
  } catch (error) {
    if (error instanceof LockfastError) return false;
    throw error;
  }
}
