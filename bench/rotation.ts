/** `key rotate` over many env files, as the command does it: ledger, backup, locks, proof. Whole processes. */
import { interleave, type Step } from './interleave.ts';
import { measured } from './measured-process.ts';
import { newRotationFixture, type Rotation, type RotationFixture } from './rotation-fixture.ts';
import { type Contender, type Job, LOCKFAST, type Row, rowOf } from './table.ts';

const CONTENDERS: readonly Contender[] = ['bare', 'Python Fernet'];
/** A round of ten times the files takes ten times as long: there are fewer of them. */
const SIZES = [
  { files: 1000, share: 1, unrecorded: 1 },
  { files: 10_000, share: 1 / 5, unrecorded: 0 },
] as const;

export async function rotation(rounds: number): Promise<Row[]> {
  const rows: Row[] = [];
  for (const { files, share, unrecorded } of SIZES) {
    const wall = `key rotate, ${files} files`;
    const memory = `key rotate, ${files} files, peak memory`;
    const jobs: Job[] = [
      // Twice the time is half of the rate.
      { name: wall, unit: 'ms', contenders: CONTENDERS, aims: [{ against: 'bare', atLeast: 1 / 2 }] },
      { name: memory, unit: 'MiB', contenders: CONTENDERS },
    ];
    const fixture = await newRotationFixture(files);
    try {
      const samples = await interleave(steps(fixture, wall, memory), Math.max(1, Math.round(rounds * share)), unrecorded);
      rows.push(...jobs.filter(({ name }) => samples.of(name, LOCKFAST).length > 0).map((job) => rowOf(job, samples)));
    } finally {
      fixture.remove();
    }
  }
  return rows;
}

function steps(fixture: RotationFixture, wall: string, memory: string): Step[] {
  const { environment, lockfast, bare, python } = fixture;
  const contenders: [string, Rotation | undefined][] = [
    [LOCKFAST, lockfast],
    ['bare', bare],
    ['Python Fernet', python],
  ];
  return contenders.flatMap(([who, one]) => {
    if (one === undefined) return [];
    const step: Step = (record) => {
      const { ms, mib } = measured(one, environment, [0]);
      record(wall, who, ms);
      if (mib !== undefined) record(memory, who, mib);
      fixture.removeBackups();
    };
    return [step];
  });
}
