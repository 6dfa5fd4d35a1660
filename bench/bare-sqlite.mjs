// `node bare-sqlite.mjs FILE`: each value replaced by one of the same length, a page at a time, by compare-and-swap, with one
// prepared statement a row: what it costs to write the same bytes, with nothing that would decrypt or check them.
import { DatabaseSync } from 'node:sqlite';

const PAGE = 1000;
const database = new DatabaseSync(process.argv[2]);
database.exec('PRAGMA synchronous = FULL');
const page = database.prepare('SELECT id, org_id, bot_token FROM connections WHERE id > ? ORDER BY id LIMIT ?');
const replace = database.prepare('UPDATE connections SET bot_token = ? WHERE id = ? AND bot_token = ?');
for (let after = -1; ; ) {
  const rows = page.all(after, PAGE);
  if (rows.length === 0) break;
  database.exec('BEGIN IMMEDIATE');
  for (const { id, bot_token: value } of rows) {
    if (replace.run(`${value.slice(0, 5)}zzzzzz${value.slice(11)}`, id, value).changes !== 1) throw new Error('not every row was replaced');
  }
  database.exec('COMMIT');
  after = rows.at(-1).id;
}
database.close();
