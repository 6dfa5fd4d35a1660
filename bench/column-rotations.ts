/** `column rotate` over a large table against the same work bare and as one statement, for each kind of database. Whole processes. */
import { interleave, type Step } from './interleave.ts';
import { measured } from './measured-process.ts';
import type { Rotation } from './rotation-fixture.ts';
import { type Contender, type Job, LOCKFAST, type Row, rowOf } from './table.ts';

type Aim = NonNullable<Job['aims']>[number];

export interface RotatedTable {
  readonly environment: NodeJS.ProcessEnv;
  readonly lockfast: Rotation;
  readonly bare: Rotation;
  /** The table as it was at first: the first `rows` of it, where a peer asks for less than all. */
  readonly fresh: (rows: number) => void;
  /** One UPDATE of every value: the limit. Milliseconds. */
  readonly updateAtOnce: () => number;
  /** Who does the same in another way. */
  readonly peer?: SlowPeer | undefined;
  readonly remove: () => Promise<void> | void;
}

/** One that is so slow that a part of the rows tells as much. */
interface SlowPeer {
  readonly name: Contender;
  readonly rows: number;
  /** Milliseconds. */
  readonly run: () => number;
}

/** @param share of the rounds that a table of this size gets */
export interface TableSize {
  readonly rows: number;
  readonly share: number;
}

/** Milliseconds for each 1,000 rows, and memory. @param title `column rotate on SQLite` */
export async function columnRotations(title: string, sizes: readonly TableSize[], aims: readonly Aim[], table: (rows: number) => Promise<RotatedTable>, rounds: number): Promise<Row[]> {
  const rows: Row[] = [];
  for (const { rows: count, share } of sizes) {
    const rate = `${title}, ${count} rows, each 1,000`;
    const memory = `${title}, ${count} rows, peak memory`;
    const jobs: Job[] = [
      { name: rate, unit: 'ms', contenders: [...new Set<Contender>(['bare', 'one UPDATE', ...aims.map(({ against }) => against)])], aims },
      { name: memory, unit: 'MiB', contenders: ['bare'] },
    ];
    const one = await table(count);
    try {
      const samples = await interleave(steps(one, count, rate, memory), Math.max(1, Math.round(rounds * share)), 0);
      rows.push(...jobs.filter(({ name }) => samples.of(name, LOCKFAST).length > 0).map((job) => rowOf(job, samples)));
    } finally {
      await one.remove();
    }
  }
  return rows;
}

function steps({ environment, lockfast, bare, fresh, updateAtOnce, peer }: RotatedTable, count: number, rate: string, memory: string): Step[] {
  const perThousand = (ms: number, rows = count): number => (1000 * ms) / rows;
  const processes: Step[] = (
    [
      [LOCKFAST, lockfast],
      ['bare', bare],
    ] as const
  ).map(([who, one]) => (record) => {
    fresh(count);
    const { ms, mib } = measured(one, environment, [0]);
    record(rate, who, perThousand(ms));
    if (mib !== undefined) record(memory, who, mib);
  });
  const atOnce: Step = (record) => {
    fresh(count);
    record(rate, 'one UPDATE', perThousand(updateAtOnce()));
  };
  if (peer === undefined) return [...processes, atOnce];
  const others: Step = (record) => {
    fresh(peer.rows);
    record(rate, peer.name, perThousand(peer.run(), peer.rows));
  };
  return [...processes, atOnce, others];
}
