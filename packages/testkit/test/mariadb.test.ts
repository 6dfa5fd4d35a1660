import { createConnection } from 'mysql2/promise';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';

import { CuttingProxy, type CutMoment, type MariadbServer, missingForMariadb, startMariadb } from '../src/index.ts';

const missing = missingForMariadb();

describe.skipIf(missing !== undefined)(`a MariaDB server${missing === undefined ? '' : ` (${missing})`}`, () => {
  let server: MariadbServer;

  beforeAll(async () => {
    if (missing === undefined) server = await startMariadb('fast');
  }, 60_000);

  afterAll(async () => {
    if (missing === undefined) await server.stop();
  }, 30_000);

  test('answers SQL as psql prints it, and throws what the server says', () => {
    expect(server.sql('mysql', "SELECT 1, NULL, true, 'a|b', 'a\\tb'; SELECT 2 UNION SELECT 3")).toBe('1||1|a|b|a\tb\n2\n3');
    expect(() => server.sql('mysql', 'SELECT * FROM nowhere')).toThrow(/doesn't exist/);
    expect(server.sql('mysql', 'SELECT @@version')).toMatch(/MariaDB/);
  });

  test('what was committed is there after the server was killed', async () => {
    server.sql('mysql', 'CREATE DATABASE kept; CREATE TABLE kept.t (n int) ENGINE=InnoDB; INSERT INTO kept.t VALUES (1)');
    await server.restart('immediate');
    expect(server.sql('kept', 'SELECT n FROM t')).toBe('1');
    await server.restart('fast');
    expect(server.sql('kept', 'SELECT n FROM t')).toBe('1');
  });

  test.each<[CutMoment, string]>([
    ['before', '0'],
    ['after', '1'],
  ])('a connection that is cut %s COMMIT leaves %s rows', async (moment, rows) => {
    const proxy = await CuttingProxy.before(server.port, 'mysql');
    onTestFinished(async () => await proxy.close());
    server.sql('mysql', 'CREATE DATABASE IF NOT EXISTS cuts; CREATE TABLE IF NOT EXISTS cuts.cut (n int) ENGINE=InnoDB; TRUNCATE cuts.cut');
    proxy.cut(moment, 'COMMIT');
    const client = await createConnection(server.url('root', 'cuts').replace(`:${server.port}/`, `:${proxy.port}/`));
    client.on('error', () => {});
    await client.query('START TRANSACTION');
    await client.query('INSERT INTO cut VALUES (?)', [1]);
    await client.query('SELECT * FROM cut');
    await expect(client.query('COMMIT')).rejects.toThrow(/closed/);
    expect(proxy.struck).toBe(1);
    expect(server.sql('cuts', 'SELECT count(*) FROM cut')).toBe(rows);
  });
});
