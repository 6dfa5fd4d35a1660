/** `column rotate` on a MariaDB server that keeps what it says. */
import { newColumnMariadbFixture } from './column-mariadb-fixture.ts';
import { columnRotations } from './column-rotations.ts';
import type { Row } from './table.ts';

const SIZES = [
  { rows: 50_000, share: 1 },
  { rows: 200_000, share: 1 / 3 },
] as const;

export async function columnMariadb(rounds: number): Promise<Row[]> {
  return await columnRotations('column rotate on MariaDB', SIZES, [{ against: 'bare', atLeast: 0.6 }], newColumnMariadbFixture, rounds);
}
