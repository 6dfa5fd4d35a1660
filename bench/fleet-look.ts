/** `status` and `tenant audit` over many tenants: whole processes, against one that looks at, reads and hashes the same files. */
import { fileURLToPath } from 'node:url';

import { interleave, Samples, type Step } from './interleave.ts';
import { measured } from './measured-process.ts';
import { type LookFixture, newLookFixture } from './rotation-fixture.ts';
import { type Aim, type Job, LOCKFAST, type Row, rowOf } from './table.ts';

const BARE = fileURLToPath(new URL('bare-look.mjs', import.meta.url));
const SIZES = [100, 1000, 10_000] as const;
/** Of which the aim is. */
const AIMED = 1000;
const COMMANDS = [['status'], ['tenant', 'audit']] as const;

export async function fleetLook(rounds: number): Promise<Row[]> {
  const fixtures: LookFixture[] = [];
  try {
    for (const tenants of SIZES) fixtures.push(await newLookFixture(tenants));
    // The first round fills caches, and makes the command's own code cache.
    const samples = await interleave(fixtures.flatMap((fixture, i) => stepsOf(SIZES[i]!, fixture)), rounds, 1);
    return [...COMMANDS.flatMap((words) => SIZES.flatMap((tenants) => rowsOf(words.join(' '), tenants, samples))), ...COMMANDS.flatMap((words) => growthOf(words.join(' '), samples))];
  } finally {
    for (const fixture of fixtures) fixture.remove();
  }
}

function stepsOf(tenants: number, { environment, directory, lockfast: [file, script] }: LookFixture): Step[] {
  const ours = COMMANDS.map((words): Step => (record) => {
    // That there is no recovery backup, and the like, is nothing that fails; findings would be.
    const { ms, cpuMs, mib } = measured({ file, args: [script, ...words], cwd: directory }, environment, [0]);
    const names = namesOf(words.join(' '), tenants);
    record(names.wall, LOCKFAST, ms);
    if (cpuMs !== undefined) record(names.cpu, LOCKFAST, cpuMs);
    if (mib !== undefined) record(names.memory, LOCKFAST, mib);
  });
  const bare: Step = (record) => {
    const { ms, cpuMs, mib } = measured({ file, args: [BARE, directory], cwd: directory }, environment, [0]);
    for (const words of COMMANDS) {
      const names = namesOf(words.join(' '), tenants);
      record(names.wall, 'bare', ms);
      if (cpuMs !== undefined) record(names.cpu, 'bare', cpuMs);
      if (mib !== undefined) record(names.memory, 'bare', mib);
    }
  };
  return [...ours, bare];
}

function rowsOf(command: string, tenants: number, samples: Samples): Row[] {
  const { wall, cpu, memory } = namesOf(command, tenants);
  // Three times the time is a third of the rate.
  const aims: Aim[] = tenants === AIMED ? [{ against: 'bare', atLeast: 1 / 3 }] : [];
  const jobs: Job[] = [
    { name: wall, unit: 'ms', contenders: ['bare'], aims },
    { name: cpu, unit: 'ms', contenders: ['bare'], aims },
    { name: memory, unit: 'MiB', contenders: ['bare'] },
  ];
  return jobs.filter(({ name }) => samples.of(name, LOCKFAST).length > 0).map((job) => rowOf(job, samples));
}

/** What each further tenant costs, from one size to the next: in CPU time, which others on the machine disturb least. */
function growthOf(command: string, samples: Samples): Row[] {
  return SIZES.slice(1).flatMap((more, i) => {
    const fewer = SIZES[i]!;
    const name = `${command}, CPU of each further tenant, ${fewer} to ${more}`;
    const growth = new Samples();
    for (const who of [LOCKFAST, 'bare']) {
      const [small, large] = [fewer, more].map((tenants) => samples.of(namesOf(command, tenants).cpu, who)) as [readonly number[], readonly number[]];
      large.forEach((ms, round) => growth.add(name, who, ((ms - small[round]!) * 1000) / (more - fewer)));
    }
    return growth.of(name, LOCKFAST).length === 0 ? [] : [rowOf({ name, unit: 'µs', contenders: ['bare'] }, growth)];
  });
}

function namesOf(command: string, tenants: number): { readonly wall: string; readonly cpu: string; readonly memory: string } {
  const name = `${command}, ${tenants} tenants`;
  return { wall: name, cpu: `${name}, CPU`, memory: `${name}, peak memory` };
}
