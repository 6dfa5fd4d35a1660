/** Programs of these tests, in processes of their own. */
import { type ChildProcess, spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

import { onTestFinished } from 'vitest';

/** @param flags for Node */
export function startedJob(program: string, order: unknown, flags: readonly string[] = []): ChildProcess {
  const path = fileURLToPath(new URL(program, import.meta.url));
  const child = spawn(process.execPath, [...flags, '--conditions=lockfast-source', path, JSON.stringify(order)], { stdio: ['pipe', 'pipe', 'inherit'] });
  onTestFinished(() => void child.kill('SIGKILL'));
  return child;
}

/** What it prints until it ends. */
export async function outputOf(child: ChildProcess): Promise<string> {
  let text = '';
  for await (const part of child.stdout!) text += String(part);
  return text;
}
