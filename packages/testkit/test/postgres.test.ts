import { Client } from 'pg';
import { afterAll, beforeAll, describe, expect, onTestFinished, test, vi } from 'vitest';

import { CuttingProxy, type CutMoment, missingForPostgres, type PostgresServer, startPostgres } from '../src/index.ts';

/** Whichever the machine has, and the npm package's. */
const KINDS = ['any', 'embedded'].map((kind) => {
  vi.stubEnv('LOCKFAST_TEST_POSTGRES', kind);
  const missing = missingForPostgres();
  vi.unstubAllEnvs();
  return { kind, missing };
});

for (const { kind, missing } of KINDS) {
  describe.skipIf(missing !== undefined)(`a PostgreSQL server: ${kind}${missing === undefined ? '' : ` (${missing})`}`, () => {
    let server: PostgresServer;

    beforeAll(async () => {
      if (missing !== undefined) return;
      vi.stubEnv('LOCKFAST_TEST_POSTGRES', kind);
      server = await startPostgres('fast');
      vi.unstubAllEnvs();
    }, 60_000);

    afterAll(async () => {
      if (missing === undefined) await server.stop();
    });

    test('answers SQL as psql prints it, and throws what the server says', () => {
      expect(server.sql('postgres', "SELECT 1, NULL, true, 'a|b'; SELECT n FROM generate_series(1, 2) n")).toBe('1||t|a|b\n1\n2');
      expect(() => server.sql('postgres', 'SELECT 1/0')).toThrow(/division by zero/);
      expect(server.sql('postgres', 'SHOW server_version_num')).toMatch(kind === 'embedded' ? /^18/ : /^1[58]/);
    });

    test.each<[CutMoment, string]>([
      ['before', '0'],
      ['after', '1'],
    ])('a connection that is cut %s COMMIT leaves %s rows', async (moment, rows) => {
      const proxy = await CuttingProxy.before(server.port);
      onTestFinished(async () => await proxy.close());
      server.sql('postgres', 'CREATE TABLE IF NOT EXISTS cut (n int); TRUNCATE cut');
      proxy.cut(moment, 'COMMIT');
      const client = new Client({ host: '127.0.0.1', port: proxy.port, user: 'postgres', database: 'postgres' });
      client.on('error', () => {});
      await client.connect();
      await client.query('BEGIN');
      await client.query('INSERT INTO cut VALUES ($1)', [1]);
      await expect(client.query('COMMIT')).rejects.toThrow(/terminated/);
      expect(proxy.struck).toBe(1);
      expect(server.sql('postgres', 'SELECT count(*) FROM cut')).toBe(rows);
    });
  });
}
