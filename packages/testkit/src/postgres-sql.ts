// Runs SQL as `psql -X -A -t -q -c` prints it, where there is no psql: node postgres-sql.ts HOST PORT USER DATABASE SQL
import { Client } from 'pg';

const [host = '', port, user = '', database = '', sql = ''] = process.argv.slice(2);
const asText = (text: string | Buffer): string => String(text);
const client = new Client({ host, port: Number(port), user, database, types: { getTypeParser: () => asText } });
try {
  await client.connect();
  const answer: unknown = await client.query({ text: sql, rowMode: 'array' });
  const results = (Array.isArray(answer) ? answer : [answer]) as { readonly rows: readonly (readonly (string | null)[])[] }[];
  for (const row of results.flatMap(({ rows }) => rows)) process.stdout.write(`${row.map((field) => field ?? '').join('|')}\n`);
} catch (error) {
  process.stderr.write(`ERROR:  ${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
} finally {
  await client.end();
}
