// `node bare-column-mariadb.mjs URL`: each value replaced by one of the same length, a page at a time, by compare-and-swap, with one
// statement for 200 rows, the fastest form there is: what it costs to write the same bytes, with nothing that would decrypt or check them.
import { createConnection } from 'mysql2/promise';

const PAGE = 1000;
const AT_ONCE = 200;
const client = await createConnection({ uri: process.argv[2], rowsAsArray: true, flags: ['FOUND_ROWS'] });
await client.query('SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED');
for (let after = -1; ; ) {
  const [rows] = await client.query(`SELECT id, org_id, bot_token FROM connections WHERE id > ${after} ORDER BY id LIMIT ${PAGE}`);
  if (rows.length === 0) break;
  await client.query('START TRANSACTION');
  for (let at = 0; at < rows.length; at += AT_ONCE) {
    const some = rows.slice(at, at + AT_ONCE);
    const news = some.map(([id, , value]) => `WHEN ${id} THEN '${value.slice(0, 5)}zzzzzz${value.slice(11)}'`).join(' ');
    const olds = some.map(([id, , value]) => `WHEN ${id} THEN '${value}'`).join(' ');
    const [{ affectedRows }] = await client.query(
      `UPDATE connections SET bot_token = CASE id ${news} END WHERE id IN (${some.map(([id]) => id).join(', ')}) AND bot_token = BINARY CASE id ${olds} END`,
    );
    if (affectedRows !== some.length) throw new Error('not every row was replaced');
  }
  await client.query('COMMIT');
  after = rows.at(-1)[0];
}
await client.end();
