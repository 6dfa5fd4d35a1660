/** `column rotate` over a large table on a MariaDB server that keeps what it says, as the command does it. Whole processes. Milliseconds for each 1,000 rows. */
import { interleave, type Step } from './interleave.ts';
import { type ColumnMariadbFixture, newColumnMariadbFixture } from './column-mariadb-fixture.ts';
import { measured } from './measured-process.ts';
import { type Job, LOCKFAST, type Row, rowOf } from './table.ts';

const SIZES = [
  { rows: 50_000, share: 1 },
  { rows: 200_000, share: 1 / 3 },
] as const;

export async function columnMariadb(rounds: number): Promise<Row[]> {
  const rows: Row[] = [];
  for (const { rows: count, share } of SIZES) {
    const rate = `column rotate on MariaDB, ${count} rows, each 1,000`;
    const memory = `column rotate on MariaDB, ${count} rows, peak memory`;
    const jobs: Job[] = [
      { name: rate, unit: 'ms', contenders: ['bare', 'one UPDATE'], aims: [{ against: 'bare', atLeast: 0.6 }] },
      { name: memory, unit: 'MiB', contenders: ['bare'] },
    ];
    const fixture = await newColumnMariadbFixture(count);
    try {
      const samples = await interleave(steps(fixture, count, rate, memory), Math.max(1, Math.round(rounds * share)), 0);
      rows.push(...jobs.filter(({ name }) => samples.of(name, LOCKFAST).length > 0).map((job) => rowOf(job, samples)));
    } finally {
      await fixture.remove();
    }
  }
  return rows;
}

function steps({ environment, lockfast, bare, freshTable, updateAtOnce }: ColumnMariadbFixture, count: number, rate: string, memory: string): Step[] {
  const perThousand = (ms: number): number => (1000 * ms) / count;
  const processes: Step[] = (
    [
      [LOCKFAST, lockfast],
      ['bare', bare],
    ] as const
  ).map(([who, one]) => (record) => {
    freshTable();
    const { ms, mib } = measured(one, environment, [0]);
    record(rate, who, perThousand(ms));
    if (mib !== undefined) record(memory, who, mib);
  });
  const atOnce: Step = (record) => {
    freshTable();
    record(rate, 'one UPDATE', perThousand(updateAtOnce()));
  };
  return [...processes, atOnce];
}
