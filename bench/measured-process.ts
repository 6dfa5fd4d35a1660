/** Whole processes: how long, and how much memory. */
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Writes what a process took, of which Node tells only its own. */
const TIME = '/usr/bin/time';

interface Command {
  readonly file: string;
  readonly args: readonly string[];
  readonly cwd: string;
}

interface Measured {
  readonly ms: number;
  /** Peak of the resident set, and CPU time in user and kernel mode; undefined where there is no `time` to tell them. */
  readonly mib: number | undefined;
  readonly cpuMs: number | undefined;
}

/** @param good exit statuses that are no failure */
export function measured({ file, args, cwd }: Command, env: NodeJS.ProcessEnv, good: readonly number[]): Measured {
  const peak = join(tmpdir(), `lockfast-bench-${process.pid}.peak`);
  const [command, before] = existsSync(TIME) ? [TIME, ['-q', '-f', '%M %U %S', '-o', peak, file]] : [file, []];
  const start = process.hrtime.bigint();
  const { status, stderr } = spawnSync(command, [...before, ...args], { cwd, env, stdio: ['ignore', 'ignore', 'pipe'], encoding: 'utf8' });
  const ms = Number(process.hrtime.bigint() - start) / 1e6;
  if (!good.includes(status ?? -1)) throw new Error(`${file} ${args.join(' ')} ended with ${status}: ${stderr}`);
  if (before.length === 0) return { ms, mib: undefined, cpuMs: undefined };
  const [kib, user, system] = readFileSync(peak, 'utf8').trim().split(' ').map(Number) as [number, number, number];
  rmSync(peak);
  return { ms, mib: kib / 1024, cpuMs: (user + system) * 1000 };
}
