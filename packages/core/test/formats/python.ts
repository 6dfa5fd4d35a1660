import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

/** Debian's own: the one that has python3-cryptography. */
const PYTHON = '/usr/bin/python3';

/** Why Python's `cryptography` can't be asked, as a clause for the title of a skipped test. */
export const missingPython =
  spawnSync(PYTHON, ['-c', 'import cryptography.fernet'], { stdio: 'ignore' }).status === 0 ? undefined : 'needs /usr/bin/python3 with cryptography';

/** Runs a script beside the test with `question` as JSON on its standard input, and parses its answer. */
export function askPython<T>(from: string, script: string, question: unknown): T {
  const { status, stdout, stderr } = spawnSync(PYTHON, ['-I', fileURLToPath(new URL(script, from))], {
    input: JSON.stringify(question),
    encoding: 'utf8',
    maxBuffer: 1 << 30,
  });
  if (status !== 0) throw new Error(`${script}: ${stderr}`);
  return JSON.parse(stdout) as T;
}
