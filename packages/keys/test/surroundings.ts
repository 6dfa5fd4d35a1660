import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { LockfastError } from '@lockfast/core/errors';
import { parseKdf, Secret } from '@lockfast/core/keyring';
import type { Surroundings } from '@lockfast/keys';
import { onTestFinished } from 'vitest';

/** A directory of the test's own. */
export function scratch(): string {
  const directory = mkdtempSync(join(tmpdir(), 'lockfast-keys-'));
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

/** A process with nothing around it: no variables, nobody to ask. */
export function surroundings(change: Partial<Surroundings> = {}): Surroundings {
  return {
    environment: {},
    home: '/nonexistent/home',
    directory: '/nonexistent/directory',
    askPassphrase: () => Promise.reject(new LockfastError('terminal-needed', 'nobody can be asked', 'run it in a terminal')),
    // The least work that is accepted.
    kdf: parseKdf('argon2id:m=19456,t=1,p=1'),
    ...change,
  };
}

/** Somebody who types this passphrase. */
export function typing(passphrase: string): Surroundings['askPassphrase'] {
  return () => Promise.resolve(new Secret(Buffer.from(passphrase, 'utf8')));
}

export function fileWith(directory: string, name: string, content: string | Uint8Array, mode = 0o400): string {
  const path = join(directory, name);
  writeFileSync(path, content, { flag: 'wx' });
  chmodSync(path, mode);
  return path;
}

export async function refusalOf(action: () => unknown): Promise<{ code: string; message: string; hint: string }> {
  try {
    await action();
  } catch (error) {
    if (!(error instanceof LockfastError)) throw error;
    return { code: error.code, message: error.message, hint: error.hint };
  }
  throw new Error('it was not refused');
}
