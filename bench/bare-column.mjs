// `node bare-column.mjs URL`: each value replaced by one of the same length, a page at a time, by compare-and-swap, with one
// statement a page: what it costs to write the same bytes, with nothing that would decrypt or check them.
import pg from 'pg';

const PAGE = 1000;
const client = new pg.Client({ connectionString: process.argv[2] });
await client.connect();
for (let after = -1; ; ) {
  const { rows } = await client.query('SELECT id, org_id, bot_token FROM connections WHERE id > $1 ORDER BY id LIMIT $2', [after, PAGE]);
  if (rows.length === 0) break;
  const values = rows.map(({ bot_token: value }) => `${value.slice(0, 5)}zzzzzz${value.slice(11)}`);
  const { rowCount } = await client.query(
    'UPDATE connections AS t SET bot_token = v.new FROM unnest($1::bigint[], $2::text[], $3::text[]) AS v(id, old, new) WHERE t.id = v.id AND t.bot_token = v.old',
    [rows.map(({ id }) => id), rows.map(({ bot_token: value }) => value), values],
  );
  if (rowCount !== rows.length) throw new Error('not every row was replaced');
  after = rows.at(-1).id;
}
await client.end();
