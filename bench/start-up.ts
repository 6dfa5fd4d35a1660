/** What stands before every start of a service: the whole process, from `posix_spawn` to the end of `true`. */
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

import { interleave, type Step } from './interleave.ts';
import { type Command, type Fixture, newFixture } from './start-up-fixture.ts';
import { type Aim, type Job, LOCKFAST, type Row, rowOf } from './table.ts';

const UNRECORDED = 2;
/** Of `times` in /proc: USER_HZ, which Linux fixes at 100. */
const TICK_MS = 10;

const CONTENDERS = ['bare', 'dotenvx', 'age'] as const;

const PLAIN = 'start-up';
/** With one in SQLite, as `init` configures it. */
const RECORDED = 'start-up with a ledger';

const JOBS: readonly Job[] = [
  // So many times the time is that part of the rate.
  ...jobsOf(PLAIN, [{ against: 'bare', atLeast: 1 / 1.5 }, { against: 'dotenvx', atLeast: 8 }]),
  ...jobsOf(RECORDED, [{ against: 'bare', atLeast: 1 / 1.9 }]),
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

function steps({ environment, lockfast, lockfastRecorded, bareNode, dotenvx, age }: Fixture): Step[] {
  const both = [PLAIN, RECORDED];
  const contenders: [who: string, command: Command | undefined, ways: readonly string[]][] = [
    [LOCKFAST, lockfast, [PLAIN]],
    [LOCKFAST, lockfastRecorded, [RECORDED]],
    ['bare', bareNode, both],
    ['dotenvx', dotenvx, both],
    ['age', age, both],
  ];
  return contenders.flatMap(([who, command, ways]) => {
    if (command === undefined) return [];
    const step: Step = (record) => {
      const { wall, cpu } = measured(command, environment);
      for (const way of ways) {
        record(wallClock(way), who, wall);
        record(fastest(way), who, wall);
        record(cpuTime(way), who, cpu);
      }
    };
    return [step];
  });
}

function jobsOf(way: string, aims: readonly Aim[]): Job[] {
  return [
    { name: wallClock(way), unit: 'ms', contenders: CONTENDERS, aims },
    { name: fastest(way), unit: 'ms', contenders: CONTENDERS, figure: (times) => Math.min(...times) },
    // One process takes few ticks: only over many rounds do they mean something.
    { name: cpuTime(way), unit: 'ms', contenders: CONTENDERS, figure: (times) => times.reduce((sum, time) => sum + time, 0) / times.length },
  ];
}

function wallClock(way: string): string {
  return `${way}, wall clock, median`;
}

function fastest(way: string): string {
  return `${way}, wall clock, fastest`;
}

function cpuTime(way: string): string {
  return `${way}, CPU of all processes, mean`;
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
