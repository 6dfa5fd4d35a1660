/** A project with 20 encrypted files of three tenants and the shared defaults: what rotations are tried on. */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';

import { encryptFile, readPlaintextFile } from '@lockfast/core/env';
import type { KeyRing } from '@lockfast/core/keyring';
import { openKeyRing } from '@lockfast/keys';

import { Project } from './project.ts';

/** In every value: wherever these bytes are, a plaintext is. */
export const CANARY = 'canary-5d0f31c9';

/** Where `key rotate --root` is told to put the new root key, from the project. */
export const NEW_ROOT = '../keys/new/root.key';
export const ROOT_ARGS: readonly string[] = ['key', 'rotate', '--root', '--new-key-out', NEW_ROOT];

export interface FleetFile {
  /** From the project's directory. */
  readonly name: string;
  readonly tenant: string;
  readonly plaintext: string;
}

/** Seven shared ones, and those of three tenants. */
export const FILES: readonly FleetFile[] = ['', 'alpha', 'beta', 'gamma'].flatMap((tenant) =>
  ['.env', '.env.web', '.env.worker', '.env.mail', ...(tenant === '' ? ['.env.a', '.env.b', '.env.c', '.env.d'] : [])].map((file) => ({
    name: `${tenant === '' ? '' : `tenants/${tenant}/`}${file}.encrypted`,
    tenant,
    plaintext: `# ${tenant}\nSECRET=${CANARY}-${tenant}${file}\nOTHER="${CANARY} more"\n`,
  })),
);

/** What a fault may be struck at: a project that can be laid out anew at the same place. */
export class Fleet implements Disposable {
  readonly project: Project;

  constructor() {
    this.project = new Project();
  }

  /** The same files, hard links included. */
  static copyOf({ project: original }: Fleet): Fleet {
    const fleet = new Fleet();
    fleet.#layOut(original.base);
    return fleet;
  }

  /** Puts everything back as it was when `kept` was made by {@link keep}. */
  restore(kept: string): void {
    this.#layOut(kept);
  }

  /** A copy of everything, in a directory of its own inside the test's. Each has the place of the one before. */
  keep(name: string): string {
    const kept = join(dirname(this.project.base), `${basename(this.project.base)}.${name}`);
    rmSync(kept, { recursive: true, force: true });
    mkdirSync(kept);
    for (const part of readdirSync(this.project.base)) if (part !== 'bin') execFileSync('cp', ['-a', join(this.project.base, part), kept]);
    this.#kept.add(kept);
    return kept;
  }

  readonly #kept = new Set<string>();

  #layOut(from: string): void {
    for (const part of readdirSync(this.project.base)) if (part !== 'bin') rmSync(join(this.project.base, part), { recursive: true, force: true });
    for (const part of readdirSync(from)) if (part !== 'bin') execFileSync('cp', ['-a', join(from, part), this.project.base]);
  }

  /** The sources that lockfast.toml names. */
  get sources(): readonly string[] {
    const setting = /^key-source = (.*)$/m.exec(this.project.text('lockfast.toml'))?.[1] ?? '';
    return [...setting.matchAll(/"(.*?)"/g)].map(([, uri]) => uri!);
  }

  /** The ring as the command would open it. */
  async ring(sources = this.sources): Promise<KeyRing> {
    return openKeyRing({ path: this.project.path('.lockfast/keyring.json'), sources }, this.surroundings);
  }

  get surroundings(): { environment: Record<string, string>; home: string; directory: string; askPassphrase: () => Promise<never> } {
    return { environment: {}, home: this.project.home, directory: this.project.directory, askPassphrase: () => Promise.reject(new Error('nobody is asked')) };
  }

  get newRoot(): string {
    return join(this.project.directory, NEW_ROOT);
  }

  /** Encrypts `plaintext` as it would stand in the project. */
  async encrypt(ring: KeyRing, { name, tenant, plaintext }: FleetFile): Promise<void> {
    const plain = this.project.write(name.replace(/\.encrypted$/, ''), plaintext);
    await encryptFile(readPlaintextFile(plain), this.project.path(name), { ring, tenant, stateDirectory: this.project.state });
  }

  [Symbol.dispose](): void {
    for (const kept of this.#kept) rmSync(kept, { recursive: true, force: true });
    this.project[Symbol.dispose]();
  }
}

/** @param files fewer, where twenty prove no more */
export async function makeFleet(files: readonly FleetFile[] = FILES): Promise<Fleet> {
  const fleet = new Fleet();
  const { project } = fleet;
  const { status, stderr } = await project.run(['init']);
  if (status !== 0) throw new Error(stderr);
  writeFileSync(project.path('lockfast.toml'), `${project.text('lockfast.toml')}\n[tenants]\npath = "tenants/{tenant}"    # one directory each\n`);
  const ring = await fleet.ring();
  for (const file of files) await fleet.encrypt(ring, file);
  if (!existsSync(project.path('.lockfast/ledger.db'))) {
    const first = await project.run(['env', 'verify', files[0]!.name]);
    if (first.status !== 0) throw new Error(first.stderr);
  }
  return fleet;
}

/** Text of every regular file below the fleet's directories, by absolute path. */
export function* everyFile(directory: string): Generator<readonly [path: string, bytes: Buffer]> {
  for (const entry of readdirSync(directory, { withFileTypes: true })) {
    const path = join(directory, entry.name);
    if (entry.isDirectory()) yield* everyFile(path);
    else if (entry.isFile()) yield [path, readFileSync(path)];
  }
}
