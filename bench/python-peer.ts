/** Runs Python's `cryptography`: one process a round, which times itself. */
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

export const PYTHON = '/usr/bin/python3';
const SCRIPT = fileURLToPath(new URL('python_peer.py', import.meta.url));

export const PYTHON_CONTENDERS = ['Python Fernet', 'Python AESGCM'] as const;

/** Microseconds for one value. */
export type PythonTimes = Readonly<Record<(typeof PYTHON_CONTENDERS)[number], { readonly encrypt: number; readonly decrypt: number }>>;

export function hasPythonCryptography(): boolean {
  return spawnSync(PYTHON, ['-c', 'import cryptography'], { stdio: 'ignore' }).status === 0;
}

export function timePython(size: number, values: number, place: string): PythonTimes {
  const { status, stdout, stderr } = spawnSync(PYTHON, [SCRIPT], { input: JSON.stringify({ size, values, place }), encoding: 'utf8' });
  if (status !== 0) throw new Error(`python_peer.py failed: ${stderr}`);
  return JSON.parse(stdout) as PythonTimes;
}
