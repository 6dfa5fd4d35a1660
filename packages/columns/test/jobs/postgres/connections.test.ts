import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { type AddressInfo, connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inspect } from 'node:util';

import { Client } from 'pg';
import { beforeAll, describe, expect, onTestFinished, test } from 'vitest';

import { CuttingProxy, missingForStandby, startStandby } from '@lockfast/testkit';

import { openPostgresColumns, remedyOf } from '../../../src/jobs/postgres/index.ts';
import { serverAccess } from '../../../src/jobs/postgres/server-access.ts';
import { aDatabase, aTarget, expectRefusal, missing, refusalOf, theServer, withServer } from './a-database.ts';

withServer();

const TABLE = "CREATE TABLE t (id int PRIMARY KEY, secret text); INSERT INTO t SELECT n, 'secret ' || n FROM generate_series(1, 5) n";

/** Waits ten seconds for its lock, while the other tests run. */
let robbed: Awaited<ReturnType<typeof aRobbedJob>>;

beforeAll(async () => {
  if (missing === undefined) robbed = await aRobbedJob();
}, 60_000);

async function aRobbedJob() {
  const scratch = aDatabase(TABLE);
  const [first, second] = [await openPostgresColumns(scratch.url), await openPostgresColumns(scratch.url)];
  await first.lock(aTarget({}));
  const table = await first.table(aTarget({}));
  const [row] = await table.read(null, 1);
  scratch.sql("SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory'");
  await second.lock(aTarget({}));
  const refused = refusalOf(retried(async () => await table.write([{ row: row!, value: 'new' }], undefined)));
  refused.catch(() => {});
  return { scratch, first, second, table, row: row!, refused };
}

async function proxied(): Promise<CuttingProxy> {
  const proxy = await CuttingProxy.before(theServer().port);
  onTestFinished(async () => await proxy.close());
  return proxy;
}

function through(proxy: CuttingProxy, url: string): string {
  return url.replace(`:${theServer().port}/`, `:${proxy.port}/`);
}

/** A program of the application, with a connection of its own. */
async function another(url: string): Promise<Client> {
  const client = new Client({ connectionString: url });
  client.on('error', () => {});
  await client.connect();
  onTestFinished(async () => await client.end().catch(() => {}));
  return client;
}

/** As a job does: once more where the connection was lost. */
async function retried<T>(work: () => Promise<T>): Promise<T> {
  return await work().catch(async (error: unknown) => {
    if (remedyOf(error) !== 'reconnect') throw error;
    return await work();
  });
}

describe('the URL of a PostgreSQL database', () => {
  test.each([
    ['postgres://app:pa55@db.example.com:5433/panel?sslmode=require&password=pa55', 'postgres://app@db.example.com:5433/panel'],
    ['postgresql:///panel?host=/run/postgresql&password=pa55', 'postgres:///run/postgresql/panel'],
    ['postgres://app:pa55@/panel?host=/run/postgresql&port=5433', 'postgres://app@/run/postgresql/panel'],
    ['postgres://%2Frun%2Fpostgresql/panel', 'postgres://%2Frun%2Fpostgresql/panel'],
  ])('%j is shown without its password', (url, place) => {
    expect(serverAccess(url).place).toBe(place);
  });

  test.each(['', 'panel', 'mysql://app:pa55@db/panel', 'postgres://app:pa55@db:port/panel', 'postgres://app:pa55@db/panel?sslmode=sure', 'postgres://app:pa55@db/panel?sslmode=verify-ca', 'postgres://app:pa55@[::1/panel'])(
    '%j is refused, and nothing quotes its password',
    async (url) => {
      const error = await refusalOf(openPostgresColumns(url));
      expect(error.code).toBe('config-invalid');
      expect(inspect(error)).not.toContain('pa55');
    },
  );

  test('sslmode means what libpq means by it, and leaves the rest of the URL as it is', () => {
    expect(serverAccess('postgres://a:p%40%3F@h/d?sslmode=allow&application_name=x').config.connectionString).toBe('postgres://a:p%40%3F@h/d?application_name=x&sslmode=prefer&uselibpqcompat=true');
    expect(serverAccess('postgres://h/d?sslmode=require').withoutTls).toBeUndefined();
    expect(serverAccess('postgres://h/d').config.connectionString).toBe('postgres://h/d');
  });
});

describe.skipIf(missing !== undefined)(`connections to PostgreSQL${missing === undefined ? '' : ` (${missing})`}`, () => {
  test('a socket is reached by its directory, with and without a user in front', async () => {
    const scratch = aDatabase(TABLE);
    const { socket, port } = theServer();
    const database = scratch.url.slice(scratch.url.lastIndexOf('/') + 1);
    for (const url of [`postgres:///${database}?host=${socket}&port=${port}&user=owner`, `postgres://owner@/${database}?host=${encodeURIComponent(socket)}&port=${port}`]) {
      const opened = await scratch.open(url);
      expect(await (await opened.table(aTarget({}))).read(null, 10)).toHaveLength(5);
      expect(opened.place).toBe(`postgres://owner@${socket}/${database}`);
    }
  });

  test('what keeps a job out is named: no server, no database, a wrong password; never the password', async () => {
    const server = theServer();
    const { port, socket } = server;
    const rules = join(socket, 'data', 'pg_hba.conf');
    writeFileSync(rules, `host all guarded 127.0.0.1/32 scram-sha-256\n${readFileSync(rules, 'utf8')}`);
    server.sql('postgres', 'SELECT pg_reload_conf()');
    const wrong = await refusalOf(openPostgresColumns(`postgres://guarded:hunter2@127.0.0.1:${port}/postgres`));
    expect(wrong).toMatchObject({ code: 'database-refused', message: expect.stringMatching(/guarded@127\.0\.0\.1:\d+\/postgres: the server did not let this user in/) });
    expect(remedyOf(wrong)).toBe('none');
    const gone = await refusalOf(openPostgresColumns('postgres://guarded:hunter2@127.0.0.1:1/postgres'));
    expect(gone).toMatchObject({ code: 'database-unavailable', message: expect.stringMatching(/can not be reached.*ECONNREFUSED/) });
    expect(remedyOf(gone)).toBe('reconnect');
    const none = await refusalOf(openPostgresColumns(`postgres://owner:hunter2@127.0.0.1:${port}/nowhere`));
    expect(none).toMatchObject({ code: 'database-refused', message: expect.stringMatching(/no such database/) });
    const nobody = await refusalOf(openPostgresColumns(`postgres://stranger:hunter2@127.0.0.1:${port}/postgres`));
    expect(nobody).toMatchObject({ code: 'database-refused', message: expect.stringMatching(/did not let this user in/) });
    for (const error of [wrong, gone, none, nobody]) expect(inspect(error, { depth: 9 })).not.toContain('hunter2');
    await (await openPostgresColumns(`postgres://guarded:${encodeURIComponent("pa'ss-W0rd")}@127.0.0.1:${port}/postgres`)).close();
  });

  test('TLS: required without a proof, proven by a certificate, preferred where there is none', async () => {
    const scratch = aDatabase(TABLE);
    const server = theServer();
    const { socket } = server;
    await (await scratch.open(`${scratch.url}?sslmode=prefer`)).table(aTarget({}));
    const refused = await refusalOf(openPostgresColumns(`${scratch.url}?sslmode=require`));
    expect(refused).toMatchObject({ code: 'database-unavailable', message: expect.stringMatching(/TLS could not be set up/) });
    const directory = mkdtempSync(join(tmpdir(), 'lockfast-tls-'));
    onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
    const [key, certificate] = [join(directory, 'key.pem'), join(directory, 'certificate.pem')];
    execFileSync('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-keyout', key, '-out', certificate, '-days', '2', '-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost'], { stdio: 'ignore' });
    for (const [file, name] of [[key, 'server.key'], [certificate, 'server.crt']] as const) {
      // Written into what is the server's own.
      server.sql('postgres', `COPY (SELECT 1) TO '${socket}/data/${name}'`);
      writeFileSync(`${socket}/data/${name}`, readFileSync(file));
    }
    execFileSync('chmod', ['600', `${socket}/data/server.key`]);
    server.sql('postgres', 'ALTER SYSTEM SET ssl = on');
    server.sql('postgres', 'SELECT pg_reload_conf()');
    await expect.poll(() => server.sql('postgres', 'SHOW ssl')).toBe('on');
    const encrypted = async (url: string): Promise<void> => {
      const database = await openPostgresColumns(url);
      expect(server.sql('postgres', "SELECT s.ssl FROM pg_stat_ssl s JOIN pg_stat_activity a USING (pid) WHERE a.application_name = 'lockfast' ORDER BY a.backend_start DESC LIMIT 1")).toBe('t');
      await database.close();
    };
    const named = scratch.url.replace('127.0.0.1', 'localhost');
    for (const url of [`${scratch.url}?sslmode=require`, `${scratch.url}?sslmode=prefer`, `${scratch.url}?sslmode=verify-ca&sslrootcert=${certificate}`, `${named}?sslmode=verify-full&sslrootcert=${certificate}`]) await encrypted(url);
    for (const url of [`${scratch.url}?sslmode=verify-full&sslrootcert=${certificate}`, `${named}?sslmode=verify-full`]) {
      expect(await refusalOf(openPostgresColumns(url))).toMatchObject({ code: 'database-unavailable' });
    }
    expect(await refusalOf(openPostgresColumns(`${named}?sslmode=verify-full&sslrootcert=/no/such/file`))).toMatchObject({ code: 'config-invalid', message: expect.stringMatching(/\/no\/such\/file/) });
  });

  test('[W4] a second job on a column is refused while the first one lives, and only then', async () => {
    const scratch = aDatabase(`${TABLE}; CREATE TABLE other (id int PRIMARY KEY, secret text)`);
    const [first, second] = [await scratch.open(), await scratch.open()];
    await first.lock(aTarget({}));
    await first.lock(aTarget({}));
    await expectRefusal(second.lock(aTarget({ table: 'public."t"', id: 'tests.renamed' })), 'busy', /another job works on public\.t\.secret \(process \d+ of the server\)/, /wait until it ends/);
    await second.lock(aTarget({ table: 'other' }));
    await first.close();
    await second.lock(aTarget({}));
  });

  test('a job whose connection was lost takes its lock again before it writes', async () => {
    const scratch = aDatabase(TABLE);
    const first = await scratch.open();
    await first.lock(aTarget({}));
    const table = await first.table(aTarget({}));
    const [row] = await table.read(null, 1);
    scratch.sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'lockfast' AND datname = current_database()");
    expect(await retried(async () => await table.write([{ row: row!, value: 'new' }], undefined))).toEqual([true]);
    await expectRefusal((await scratch.open()).lock(aTarget({})), 'busy', /another job/, /./);
  });

  test.each([
    ['before', 'UPDATE', [true], '1'],
    ['before', 'COMMIT\0', [true], '1'],
    ['after', 'UPDATE', [true], '1'],
    ['after', 'COMMIT\0', [false], '2'],
  ] as const)('[W5] cut %s %j: the next call connects anew, and nothing is written twice', async (moment, statement, again, counted) => {
    const scratch = aDatabase(TABLE);
    const proxy = await proxied();
    const database = await scratch.open(through(proxy, scratch.url));
    const table = await database.table(aTarget({}));
    await database.lock(aTarget({}));
    const checkpoint = (rows: number) => ({ job: 'encrypt lfv1', pass: 1, after: null, counts: { rows } });
    await table.write([], checkpoint(1));
    const [row] = await table.read(null, 1);
    proxy.cut(moment, statement);
    const error = await refusalOf(table.write([{ row: row!, value: 'new' }], checkpoint(2)));
    expect([error.code, remedyOf(error), proxy.struck]).toEqual(['database-unavailable', 'reconnect', 1]);
    expect((await table.checkpoint())?.counts.rows).toBe(Number(counted));
    expect(await table.write([{ row: row!, value: 'new' }], checkpoint(3))).toEqual(again);
    expect(scratch.sql('SELECT secret FROM t WHERE id = 1')).toBe('new');
    // The reading connection is another one, and was not cut.
    proxy.cutAll();
    await expect(table.read(null, 1).catch(async (lost: unknown) => [remedyOf(lost), ...(await table.read(null, 1))])).resolves.toContainEqual({ key: ['1'], value: 'new', context: [], label: null });
  });

  test('a server that goes away and comes back is one failed call', async () => {
    const scratch = aDatabase(TABLE);
    const table = await (await scratch.open()).table(aTarget({}));
    scratch.sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'lockfast' AND datname = current_database()");
    expect(await retried(async () => await table.read(null, 10))).toHaveLength(5);
  });

  test('a lock of others, a deadlock and a statement that takes too long call for smaller batches, and the connection goes on', async () => {
    const scratch = aDatabase(TABLE);
    // Who looks for a deadlock when there is one is its victim: ours looks after 4 s, by when theirs waits.
    scratch.sql("ALTER ROLE owner SET deadlock_timeout = '4s'");
    onTestFinished(() => void scratch.sql('ALTER ROLE owner RESET deadlock_timeout'));
    const database = await scratch.open();
    const table = await database.table(aTarget({ set: { lock_timeout: '200ms' } }));
    const slow = await database.table(aTarget({ set: { statement_timeout: '200ms', lock_timeout: '0' } }));
    const patient = await database.table(aTarget({ set: { lock_timeout: '0' } }));
    const rows = await table.read(null, 10);
    const changes = rows.map((row) => ({ row, value: 'new' }));
    const other = await another(scratch.urlOf('postgres'));
    await other.query("SET deadlock_timeout = '30s'; BEGIN; UPDATE t SET secret = 'theirs' WHERE id = 3");
    for (const [which, message] of [
      [table, /rows were locked by others/],
      [slow, /did not finish in the time allowed/],
    ] as const) {
      const error = await refusalOf(which.write(changes, undefined));
      expect(error).toMatchObject({ code: 'database-refused', message: expect.stringMatching(message) });
      expect(remedyOf(error)).toBe('smaller-batch');
    }
    // Ours holds 1 and 2 and waits for 3; theirs holds 3 and waits for 1.
    const victim = refusalOf(patient.write(changes, undefined));
    await expect.poll(() => scratch.sql('SELECT count(*) FROM pg_locks WHERE NOT granted')).toBe('1');
    await other.query("UPDATE t SET secret = 'theirs' WHERE id = 1");
    const error = await victim;
    expect(error).toMatchObject({ code: 'database-refused', message: expect.stringMatching(/waited for each other/) });
    expect(remedyOf(error)).toBe('smaller-batch');
    await other.query('COMMIT');
    expect(await table.read(null, 10)).toHaveLength(5);
  });

  test('pages are read while a batch waits, and the pressure tells who waits for it', async () => {
    const scratch = aDatabase(TABLE);
    const database = await scratch.open();
    const table = await database.table(aTarget({ set: { lock_timeout: '0' } }));
    const rows = await table.read(null, 10);
    expect(await database.pressure()).toEqual({ replicationLagMs: undefined, lockWaiters: 0 });
    const [holder, waiter] = [await another(scratch.url), await another(scratch.url)];
    await holder.query("BEGIN; UPDATE t SET secret = 'theirs' WHERE id = 5");
    const writing = table.write(rows.map((row) => ({ row, value: 'new' })), undefined);
    await expect.poll(() => scratch.sql('SELECT count(*) FROM pg_locks WHERE NOT granted')).toBe('1');
    const waiting = waiter.query("UPDATE t SET secret = secret || '?' WHERE id = 1");
    await expect.poll(async () => (await database.pressure()).lockWaiters).toBe(1);
    expect(await table.read(null, 10)).toEqual(rows);
    await holder.query('COMMIT');
    // 5 was changed meanwhile: as it is now is what counts.
    expect(await writing).toEqual([true, true, true, true, false]);
    await waiting;
    expect(scratch.sql('SELECT secret FROM t ORDER BY id')).toBe('new?\nnew\nnew\nnew\ntheirs');
    expect((await database.pressure()).lockWaiters).toBe(0);
  });

  test.skipIf(missingForStandby() !== undefined)('the pressure tells how far the slowest replica is behind, to a role that may know', { timeout: 60_000 }, async () => {
    const scratch = aDatabase(TABLE);
    const standby = await startStandby(theServer(), 4_000);
    onTestFinished(async () => await standby.stop());
    const [monitor, owner] = [await scratch.open(scratch.urlOf('postgres')), await scratch.open()];
    await owner.table(aTarget({}));
    await expect
      .poll(
        async () => {
          scratch.sql("UPDATE t SET secret = secret || '.'");
          return (await monitor.pressure()).replicationLagMs;
        },
        { timeout: 30_000, interval: 500 },
      )
      .toBeGreaterThan(1_000);
    expect((await owner.pressure()).replicationLagMs).toBeUndefined();
  });

  test('through a pooler a job gets no lock, and a look around works', async () => {
    const scratch = aDatabase(TABLE);
    const pooler = await poolerBefore(theServer().port);
    const database = await scratch.open(scratch.url.replace(`:${theServer().port}/`, `:${pooler}/`));
    expect(await (await database.table(aTarget({}))).read(null, 10)).toHaveLength(5);
    await expectRefusal(database.lock(aTarget({})), 'config-invalid', /connected through a pooler/, /name the server itself/);
  });

  test('a row that others change while a batch waits for it is judged, and changed, as they leave it', async () => {
    const scratch = aDatabase(`CREATE TABLE t (id int PRIMARY KEY, org text, doc jsonb); INSERT INTO t SELECT n, 'org', '{"token": "a", "n": 1}' FROM generate_series(1, 5) n`);
    const table = await scratch.table({ column: 'doc', path: ['token'], context: ['org'], set: { lock_timeout: '0' } });
    const rows = await table.read(null, 10);
    const holder = await another(scratch.url);
    await holder.query(`BEGIN; UPDATE t SET doc = doc || '{"n": 2}' WHERE id = 1; UPDATE t SET doc = doc || '{"token": "b"}' WHERE id = 2; UPDATE t SET org = 'other' WHERE id = 3; DELETE FROM t WHERE id = 4; UPDATE t SET id = 50 WHERE id = 5`);
    const writing = table.write(rows.map((row) => ({ row, value: '"new"' })), undefined);
    await expect.poll(() => scratch.sql('SELECT count(*) FROM pg_locks WHERE NOT granted')).toBe('1');
    await holder.query('COMMIT');
    expect(await writing).toEqual([true, false, false, false, false]);
    expect(scratch.sql('SELECT id, org, doc FROM t ORDER BY id')).toBe('1|org|{"n": 2, "token": "new"}\n2|org|{"n": 1, "token": "b"}\n3|other|{"n": 1, "token": "a"}\n50|org|{"n": 1, "token": "a"}');
  });

  test('a look that takes long ends with its program', async () => {
    const scratch = aDatabase(TABLE);
    const database = await scratch.open();
    const table = await database.table(aTarget({}));
    const holder = await another(scratch.url);
    await holder.query('BEGIN; LOCK TABLE t');
    const looking = refusalOf(table.census());
    await expect.poll(() => scratch.sql('SELECT count(*) FROM pg_locks WHERE NOT granted')).toBe('1');
    await database.close();
    expect((await looking).code).toBe('database-unavailable');
  });

  test('two first jobs at once make one table of checkpoints', async () => {
    const scratch = aDatabase(`${TABLE}; CREATE TABLE u (id int PRIMARY KEY, secret text)`);
    const checkpoint = { job: 'encrypt lfv1', pass: 1, after: null, counts: {} };
    const tables = await Promise.all(['t', 'u', 't', 'u'].map(async (table) => await (await scratch.open()).table(aTarget({ table, id: `tests.${table}` }))));
    await Promise.all(tables.map(async (table) => await table.write([], checkpoint)));
    expect(scratch.sql('SELECT column_id FROM lockfast.column_jobs ORDER BY 1')).toBe('tests.t\ntests.u');
  });

  test('a job that lost its lock to another one does not write', { timeout: 60_000 }, async () => {
    const { scratch, first, second, table, row } = robbed;
    const error = await robbed.refused;
    expect([error.code, remedyOf(error)]).toEqual(['busy', 'none']);
    expect(scratch.sql('SELECT secret FROM t WHERE id = 1')).toBe('secret 1');
    await second.close();
    expect(await table.write([{ row, value: 'new' }], undefined)).toEqual([true]);
    await first.close();
  });
});

/** Tells its clients process numbers of its own, as poolers do. @returns its port */
async function poolerBefore(port: number): Promise<number> {
  const pooler = createServer((client) => {
    const upstream = connect(port, '127.0.0.1');
    const end = (): void => {
      client.destroy();
      upstream.destroy();
    };
    client.on('error', end).on('close', end).pipe(upstream);
    upstream.on('error', end).on('close', end).on('data', (data: Buffer) => {
      // BackendKeyData: "K", twelve bytes, the process.
      const at = data.indexOf(Buffer.from([0x4b, 0, 0, 0, 12]));
      if (at !== -1) data.writeInt32BE(4711, at + 5);
      client.write(data);
    });
  }).listen(0, '127.0.0.1');
  await once(pooler, 'listening');
  onTestFinished(() => void pooler.close());
  return (pooler.address() as AddressInfo).port;
}
