import { readEnvLate } from '@lockfast/core/env/dialects/late';
import type { LockfastError } from '@lockfast/core/errors';
import { Masker, SensitiveNames } from '@lockfast/core/mask';

/** @param opened gives the plaintext of each env file that was opened */
export async function maskedFailure({ message, hint }: LockfastError, opened: readonly (() => Uint8Array)[]): Promise<{ readonly message: string; readonly hint: string }> {
  const masker = new Masker();
  // A domain, a port or a path that a file holds as well is often what the message is about.
  const sensitive = new SensitiveNames();
  for (const plaintext of opened) {
    const { variables } = await readEnvLate(plaintext(), 'node');
    masker.addAll([...variables].flatMap(([name, value]): [string, string][] => (value === null || !sensitive.has(name) ? [] : [[name, value]])));
  }
  return { message: masker.text(message), hint: masker.text(hint) };
}
