/** `column rotate` in a SQLite file with a WAL. */
import { newColumnSqliteFixture } from './column-sqlite-fixture.ts';
import { columnRotations } from './column-rotations.ts';
import type { Row } from './table.ts';

const SIZES = [
  { rows: 50_000, share: 1 },
  { rows: 500_000, share: 1 / 3 },
] as const;

export async function columnSqlite(rounds: number): Promise<Row[]> {
  return await columnRotations('column rotate on SQLite', SIZES, [{ against: 'bare', atLeast: 0.3 }], newColumnSqliteFixture, rounds);
}
