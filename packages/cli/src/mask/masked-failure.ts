import { readEnvLate } from '@lockfast/core/env/dialects/late';
import type { LockfastError } from '@lockfast/core/errors';
import { Masker } from '@lockfast/core/mask';

/** @param opened gives the plaintext of each env file that was opened */
export async function maskedFailure({ message, hint }: LockfastError, opened: readonly (() => Uint8Array)[]): Promise<{ readonly message: string; readonly hint: string }> {
  const masker = new Masker();
  for (const plaintext of opened) {
    const { variables } = await readEnvLate(plaintext(), 'node');
    masker.addAll([...variables].flatMap(([name, value]): [string, string][] => (value === null ? [] : [[name, value]])));
  }
  return { message: masker.text(message), hint: masker.text(hint) };
}
