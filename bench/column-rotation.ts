/**
 * `column rotate` over a large table, as the command does it: census, checkpoints, ledger, verification. Whole processes,
 * on a PostgreSQL server that keeps what it says (fsync). Milliseconds for each 1,000 rows.
 */
import { interleave, type Step } from './interleave.ts';
import { type ColumnFixture, newColumnFixture } from './column-fixture.ts';
import { measured } from './measured-process.ts';
import { type Contender, type Job, LOCKFAST, type Row, rowOf } from './table.ts';

/** A script that sends one statement a row is so slow that a part of the rows tells as much. */
const PYTHON_ROWS = 20_000;

/** Ten times as many rows take ten times as long, and no more memory: that is what the last two are for. */
const SIZES = [
  { rows: 50_000, share: 1 },
  { rows: 200_000, share: 1 / 3 },
  { rows: 2_000_000, share: 1 / 5 },
] as const;

export async function columnRotation(rounds: number): Promise<Row[]> {
  const rows: Row[] = [];
  for (const { rows: count, share } of SIZES) {
    const rate = `column rotate, ${count} rows, each 1,000`;
    const memory = `column rotate, ${count} rows, peak memory`;
    const contenders: Contender[] = ['bare', 'one UPDATE', 'Python rows'];
    const jobs: Job[] = [
      {
        name: rate,
        unit: 'ms',
        contenders,
        aims: [
          { against: 'bare', atLeast: 0.6 },
          { against: 'Python rows', atLeast: 10 },
        ],
      },
      { name: memory, unit: 'MiB', contenders: ['bare'] },
    ];
    const fixture = await newColumnFixture(count, PYTHON_ROWS);
    try {
      const samples = await interleave(steps(fixture, count, rate, memory), Math.max(1, Math.round(rounds * share)), 0);
      rows.push(...jobs.filter(({ name }) => samples.of(name, LOCKFAST).length > 0).map((job) => rowOf(job, samples)));
    } finally {
      await fixture.remove();
    }
  }
  return rows;
}

function steps(fixture: ColumnFixture, count: number, rate: string, memory: string): Step[] {
  const { environment, lockfast, bare } = fixture;
  const perThousand = (ms: number, rows: number): number => (1000 * ms) / rows;
  const processes: Step[] = (
    [
      [LOCKFAST, lockfast],
      ['bare', bare],
    ] as const
  ).map(([who, one]) => (record) => {
    fixture.freshTable(count);
    const { ms, mib } = measured(one, environment, [0]);
    record(rate, who, perThousand(ms, count));
    if (mib !== undefined) record(memory, who, mib);
  });
  const inDatabase: Step = (record) => {
    fixture.freshTable(count);
    record(rate, 'one UPDATE', perThousand(fixture.updateAtOnce(), count));
  };
  if (!fixture.hasPython) return [...processes, inDatabase];
  const rowByRow: Step = (record) => {
    fixture.freshTable(PYTHON_ROWS);
    record(rate, 'Python rows', perThousand(fixture.pythonRowByRow(), PYTHON_ROWS));
  };
  return [...processes, inDatabase, rowByRow];
}
