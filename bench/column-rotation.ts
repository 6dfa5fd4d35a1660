/** `column rotate` on a PostgreSQL server that keeps what it says (fsync). */
import { newColumnFixture } from './column-fixture.ts';
import { columnRotations } from './column-rotations.ts';
import type { Row } from './table.ts';

/** A script that sends one statement a row is so slow that a part of the rows tells as much. */
const PYTHON_ROWS = 20_000;

/** Ten times as many rows take ten times as long, and no more memory: that is what the last two are for. */
const SIZES = [
  { rows: 50_000, share: 1 },
  { rows: 200_000, share: 1 / 3 },
  { rows: 2_000_000, share: 1 / 5 },
] as const;

const AIMS = [
  { against: 'bare', atLeast: 0.6 },
  { against: 'Python rows', atLeast: 10 },
] as const;

export async function columnRotation(rounds: number): Promise<Row[]> {
  return await columnRotations('column rotate', SIZES, AIMS, async (rows) => await newColumnFixture(rows, PYTHON_ROWS), rounds);
}
