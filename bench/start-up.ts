/** What stands before every start of a service: the whole process, from `posix_spawn` to the end of `true`. */
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

import { interleave, type Step } from './interleave.ts';
import { type Command, type Fixture, newFixture } from './start-up-fixture.ts';
import { type Job, LOCKFAST, type Row, rowOf } from './table.ts';

const UNRECORDED = 2;
/** Of `times` in /proc: USER_HZ, which Linux fixes at 100. */
const TICK_MS = 10;

const CONTENDERS = ['bare', 'dotenvx', 'age'] as const;
const WALL = 'start-up, wall clock, median';
const FASTEST = 'start-up, wall clock, fastest';
const CPU = 'start-up, CPU of all processes, mean';

const JOBS: readonly Job[] = [
  // 1.5 times the time is two thirds of the rate.
  { name: WALL, unit: 'ms', contenders: CONTENDERS, aims: [{ against: 'bare', atLeast: 1 / 1.5 }, { against: 'dotenvx', atLeast: 8 }] },
  { name: FASTEST, unit: 'ms', contenders: CONTENDERS, figure: (times) => Math.min(...times) },
  // One process takes few ticks: only over many rounds do they mean something.
  { name: CPU, unit: 'ms', contenders: CONTENDERS, figure: (times) => times.reduce((sum, time) => sum + time, 0) / times.length },
];

export async function startUp(rounds: number): Promise<Row[]> {
  const fixture = newFixture();
  try {
    const samples = await interleave(steps(fixture), rounds, UNRECORDED);
    return JOBS.map((job) => rowOf(job, samples));
  } finally {
    fixture.remove();
  }
}

function steps({ environment, lockfast, bareNode, dotenvx, age }: Fixture): Step[] {
  const contenders: [string, Command | undefined][] = [
    [LOCKFAST, lockfast],
    ['bare', bareNode],
    ['dotenvx', dotenvx],
    ['age', age],
  ];
  return contenders.flatMap(([who, command]) => {
    if (command === undefined) return [];
    const step: Step = (record) => {
      const { wall, cpu } = measured(command, environment);
      record(WALL, who, wall);
      record(FASTEST, who, wall);
      record(CPU, who, cpu);
    };
    return [step];
  });
}

function measured({ file, args, cwd }: Command, env: NodeJS.ProcessEnv): { wall: number; cpu: number } {
  const cpuBefore = childrenTicks();
  const start = process.hrtime.bigint();
  const { status, error } = spawnSync(file, args, { cwd, env, stdio: 'ignore' });
  const wall = Number(process.hrtime.bigint() - start) / 1e6;
  if (status !== 0) throw error ?? new Error(`${file} ${args.join(' ')} ended with ${status}`);
  return { wall, cpu: (childrenTicks() - cpuBefore) * TICK_MS };
}

/** User and system time of the children that this process has waited for: cutime and cstime of proc_pid_stat(5). */
function childrenTicks(): number {
  const stat = readFileSync('/proc/self/stat', 'latin1');
  // The second field is a name in parentheses that may hold anything; the third is the first of these.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return Number(fields[13]) + Number(fields[14]);
}
