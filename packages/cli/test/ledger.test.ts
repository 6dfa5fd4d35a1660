/** The commands of the ledger, as processes: what they print, what they find, and what they leave on the disk. */
import { type ChildProcess, spawn } from 'node:child_process';
import { appendFileSync, cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';

import { describe, expect, onTestFinished, test } from 'vitest';

import { csvCell } from '../src/ledger/csv.ts';
import { copyOf, emptyProject, encryptedProject, initialisedProject, LOCKFAST, type Project } from './support/project.ts';

const DATABASE = '.lockfast/ledger.db';

interface Row {
  readonly seq: number;
  readonly time: string;
  readonly operation: string;
  readonly outcome: string;
  readonly actor: string;
  readonly object: string;
  readonly tenant?: string;
}

async function rows(project: Project, ...args: string[]): Promise<Row[]> {
  const { status, stdout, stderr } = await project.run(['ledger', 'list', '--json', ...args]);
  expect(status, stderr).toBe(0);
  return (JSON.parse(stdout) as { entries: Row[] }).entries;
}

async function verify(project: Project, ...args: string[]): Promise<{ status: number | null; report: Record<string, unknown>; stderr: string }> {
  const { status, stdout, stderr } = await project.run(['ledger', 'verify', '--json', ...args]);
  return { status, report: JSON.parse(stdout) as Record<string, unknown>, stderr };
}

function configure(project: Project, text: string): void {
  appendFileSync(project.path('lockfast.toml'), `\n${text}\n`);
}

/** A project with a directory as witness. */
async function witnessedProject(): Promise<Project> {
  const project = await encryptedProject('A=1\n');
  mkdirSync(join(project.base, 'witness'));
  configure(project, '[[witnesses]]\ndirectory = "../witness"');
  return project;
}

/** What an attacker with access to the database does: removes entries from its end, guards and all. */
function cutTail(project: Project, count: number): void {
  using database = new DatabaseSync(project.path(DATABASE));
  for (const { name } of database.prepare("SELECT name FROM sqlite_schema WHERE type = 'trigger'").all()) database.exec(`DROP TRIGGER "${String(name)}"`);
  const size = Number(database.prepare('SELECT max(seq) AS size FROM entries').get()!['size']);
  for (const { name } of database.prepare("SELECT name FROM sqlite_schema WHERE type = 'table' AND sql LIKE '%seq%'").all()) database.exec(`DELETE FROM "${String(name)}" WHERE seq > ${size - count}`);
}

describe('ledger list', () => {
  test('shows each use once, with who and how it ended, and filters', async () => {
    const project = await encryptedProject('A=1\n');
    await project.run(['env', 'get', 'A']);
    await project.run(['env', 'decrypt', '--out', '-'], { env: { LOCKFAST_KEY_SOURCE: 'env:NOT_SET' } });
    const all = await rows(project);
    const until = new Date(Date.parse(all.at(-1)!.time) + 1).toISOString();
    expect(all.map(({ operation }) => operation)).toEqual(expect.arrayContaining(['ledger-created', 'encrypt', 'decrypt']));
    expect(all.map(({ seq }) => seq)).toEqual(all.map(({ seq }) => seq).toSorted((a, b) => a - b));
    const failed = await rows(project, '--outcome', 'failure', '--operation', 'decrypt');
    expect(failed).toMatchObject([{ operation: 'decrypt', outcome: 'failure', code: 'source-unavailable', object: project.path('.env.encrypted') }]);
    expect(await rows(project, '--operation', 'decrypt', '--limit', '1')).toEqual(failed);
    expect(await rows(project, '--actor', all[0]!.actor, '--until', until)).toHaveLength(all.length);
    for (const none of [['--actor', 'nobody-at-all'], ['--tenant', 'x'], ['--until', '2001-01-01'], ['--since', '2999-01-01T00:00:00Z']]) expect(await rows(project, ...none)).toEqual([]);
    const tomorrow = new Date(Date.now() + 86_400_000).toISOString().slice(0, 10);
    const looks = (await rows(project)).filter(({ operation }) => operation === 'ledger-list').length;
    expect(await rows(project, '--since', '1h', '--until', tomorrow)).toHaveLength(all.length + looks + 1);
  });

  test('an intent that was never concluded is an open row', async () => {
    const project = await encryptedProject('A=1\n');
    // The child is the process now; nothing is left that could tell how it ends, but the start itself is on record.
    const before = await rows(project);
    using database = new DatabaseSync(project.path(DATABASE));
    for (const { name } of database.prepare("SELECT name FROM sqlite_schema WHERE type = 'trigger'").all()) database.exec(`DROP TRIGGER "${String(name)}"`);
    const last = before.findLast(({ operation }) => operation === 'encrypt')!;
    database.exec(`DELETE FROM entries WHERE seq >= ${last.seq}`);
    expect((await rows(project, '--outcome', 'open')).map(({ operation, outcome }) => ({ operation, outcome }))).toEqual([{ operation: 'encrypt', outcome: 'open' }]);
  });

  test.each([['--limit', '0'], ['--limit', 'x'], ['--since', 'yesterday'], ['--since', '100000d'], ['--since', '1y'], ['--since', '2026-02-30'], ['--until', '2026-13-01'], ['--outcome', 'good']])('%s %s is a usage error', async (...args) => {
    const project = await initialisedProject();
    expect((await project.run(['ledger', 'list', ...args])).status).toBe(2);
  });

  test('a name with terminal escapes and line breaks stays on its line', async () => {
    const project = await encryptedProject('A=1\n');
    const name = 'x\n\u001b[31mevil';
    cpSync(project.path('.env.encrypted'), project.path(name));
    await project.run(['env', 'get', 'A', '--file', name]);
    const { stdout } = await project.run(['ledger', 'list']);
    expect(stdout).not.toContain('\u001b[31m');
    expect(stdout).toContain(String.raw`\u{a}\u{1b}[31mevil`);
  });

  test('--follow prints what is new until it is interrupted', async () => {
    const project = await encryptedProject('A=1\n');
    const child = spawn(process.execPath, [LOCKFAST, 'ledger', 'list', '--follow', '--json', '--operation', 'decrypt'], { cwd: project.directory, env: project.env, stdio: ['ignore', 'pipe', 'ignore'] });
    onTestFinished(() => void child.kill('SIGKILL'));
    const lines = linesOf(child);
    await project.run(['env', 'get', 'A']);
    expect(JSON.parse(await lines.next())).toMatchObject({ operation: 'decrypt', outcome: 'success' });
    await project.run(['env', 'get', 'A']);
    expect(JSON.parse(await lines.next())).toMatchObject({ operation: 'decrypt', outcome: 'success' });
    const ended = new Promise((resolve) => child.on('close', resolve));
    child.kill('SIGINT');
    expect(await ended).toBe(0);
  });

  test('a project without a ledger says so', async () => {
    const project = await encryptedProject('A=1\n');
    writeFileSync(project.path('lockfast.toml'), project.text('lockfast.toml').replace(/^ledger = .*$/m, ''));
    for (const args of [['list'], ['verify'], ['export', '--out', '-'], ['witness', 'push'], ['witness', 'list'], ['create'], ['accept-restored', '--reason', 'x']]) {
      expect((await project.run(['ledger', ...args])).stderr, args.join(' ')).toMatch(/names no ledger/);
    }
  });
});

describe('ledger verify', () => {
  test('[B5] a whole ledger: the ranges add up, and the tail is never called good', async () => {
    const project = await witnessedProject();
    await project.run(['ledger', 'witness', 'push']);
    await project.run(['env', 'get', 'A']);
    const { status, report } = await verify(project);
    expect(status).toBe(0);
    expect(report).toMatchObject({ ok: true, unanchored: 2 });
    const { entries, witnessed, signed, unanchored } = report as Record<string, number>;
    expect(witnessed! + signed! + unanchored!).toBe(entries);
    expect(witnessed).toBe(entries! - 2);
    const { stdout } = await project.run(['ledger', 'verify']);
    expect(stdout).toMatch(/witnessed.*\n.*signed.*\n.*unanchored/);
    expect(stdout).not.toMatch(/\bOK\b/i);
    expect((await verify(project, '--strict'))).toMatchObject({ status: 1, report: { error: { code: 'ledger-findings' } } });
  });

  test('[B5] a cut tail is found with a witness, also when the state directory is gone', async () => {
    const project = await witnessedProject();
    await project.run(['ledger', 'witness', 'push']);
    cutTail(project, 1);
    rmSync(join(project.state, 'ledgers'), { recursive: true, force: true });
    const { status, report } = await verify(project);
    expect(status).toBe(4);
    expect(report).toMatchObject({ ok: false, error: { code: 'ledger-tampered' } });
  });

  test('[B5] without a witness a cut of the unanchored tail is not found, and the tail says so', async () => {
    const project = await encryptedProject('A=1\n');
    await project.run(['env', 'get', 'A']);
    await project.run(['env', 'get', 'A']);
    const before = (await verify(project)).report as Record<string, number>;
    expect(before['unanchored']).toBeGreaterThanOrEqual(2);
    cutTail(project, 2);
    const after = (await verify(project)).report as Record<string, number>;
    expect(after['unanchored']).toBe(before['unanchored']! - 2);
  });

  test('[B5] an entry that was changed is named', async () => {
    const project = await encryptedProject('A=1\n');
    const copy = copyOf(project);
    using database = new DatabaseSync(copy.path(DATABASE));
    for (const { name } of database.prepare("SELECT name FROM sqlite_schema WHERE type = 'trigger'").all()) database.exec(`DROP TRIGGER "${String(name)}"`);
    database.exec(`UPDATE entries SET entry = CAST(replace(CAST(entry AS TEXT), '"success"', '"failure"') AS BLOB) WHERE seq = 2`);
    const { status, report, stderr } = await verify(copy);
    expect(status).toBe(4);
    expect(report).toMatchObject({ error: { code: 'ledger-tampered' } });
    expect(stderr).toMatch(/entry 2\b/);
  });

  test('a bundle verifies on another machine with the key, and says what was not checked without it', async () => {
    const project = await witnessedProject();
    await project.run(['ledger', 'witness', 'push']);
    await project.run(['ledger', 'export', '--out', 'audit.bundle']);
    expect(statSync(project.path('audit.bundle')).mode & 0o777).toBe(0o600);
    const { key } = JSON.parse((await project.run(['ledger', 'witness', 'list', '--json'])).stdout) as { key: string };
    const auditor = emptyProject();
    cpSync(project.path('audit.bundle'), auditor.path('audit.bundle'));
    const good = await auditor.run(['ledger', 'verify', '--bundle', 'audit.bundle', '--public-key', key]);
    expect(good.status, good.stderr).toBe(0);
    expect(good.stdout + good.stderr).not.toMatch(/signature unchecked/);
    const unpinned = await auditor.run(['ledger', 'verify', '--bundle', 'audit.bundle']);
    expect(unpinned.stdout + unpinned.stderr).toMatch(/signature unchecked/);
    const other = JSON.parse((await (await encryptedProject('B=1\n')).run(['ledger', 'witness', 'list', '--json'])).stdout) as { key: string };
    expect((await auditor.run(['ledger', 'verify', '--bundle', 'audit.bundle', '--public-key', other.key])).status).toBe(4);
    expect((await auditor.run(['ledger', 'verify', '--bundle', 'audit.bundle', '--public-key', key.slice(0, -1)])).status).toBe(2);
    const bytes = readFileSync(auditor.path('audit.bundle'));
    const at = bytes.lastIndexOf('"entry":"') + 100;
    bytes[at] = bytes[at] === 0x41 ? 0x42 : 0x41;
    writeFileSync(auditor.path('audit.bundle'), bytes);
    expect((await auditor.run(['ledger', 'verify', '--bundle', 'audit.bundle', '--public-key', key])).status).toBe(4);
  });
});

describe('ledger accept-restored', () => {
  test('[B5] an older copy is refused until it is accepted, on record, and is then signed under another origin', async () => {
    const project = await witnessedProject();
    cpSync(project.path(DATABASE), join(project.base, 'old.db'));
    await project.run(['env', 'get', 'A']);
    await project.run(['ledger', 'witness', 'push']);
    const origin = await originOf(project);
    for (const rest of ['', '-wal', '-shm']) rmSync(project.path(DATABASE + rest), { force: true });
    cpSync(join(project.base, 'old.db'), project.path(DATABASE));
    const refused = await project.run(['env', 'get', 'A', '--json']);
    expect(refused.status).toBe(4);
    expect(JSON.parse(refused.stdout)).toMatchObject({ error: { code: 'ledger-rewound' } });
    expect((await verify(project)).status).toBe(4);
    expect((await project.run(['ledger', 'accept-restored'])).status).toBe(2);
    const accepted = await project.run(['ledger', 'accept-restored', '--reason', 'the disk was lost']);
    expect(accepted.status, accepted.stderr).toBe(0);
    expect((await project.run(['env', 'get', 'A'])).stdout).toBe('1');
    const pushed = await project.run(['ledger', 'witness', 'push']);
    expect(pushed.status, pushed.stderr).toBe(0);
    expect(await originOf(project)).toBe(`${origin}/2`);
    expect(await verify(project)).toMatchObject({ status: 0, report: { ok: true, restores: [expect.any(Number)], findings: [{ kind: 'lost-in-restore' }] } });
    expect((await project.run(['ledger', 'accept-restored', '--reason', 'again'])).status).toBe(2);
  });
});

async function originOf(project: Project): Promise<string> {
  return (JSON.parse((await project.run(['ledger', 'witness', 'list', '--json'])).stdout) as { origin: string }).origin;
}

describe('ledger verify --backup', () => {
  test('checks the MACs: an entry that was written without the key of its epoch is found, though the chain fits', async () => {
    const project = emptyProject();
    project.write('passphrase', 'correct horse battery staple');
    const made = await project.run(['init', '--backup', 'shop.backup', '--passphrase-file', 'passphrase']);
    expect(made.status, made.stderr).toBe(0);
    const backup = ['--backup', 'shop.backup', '--passphrase-file', 'passphrase'];
    expect(await verify(project, ...backup)).toMatchObject({ status: 0, report: { mac: { from: 1 } } });
    expect(await verify(project)).toMatchObject({ status: 0, report: { mac: 'unchecked' } });
    using database = new DatabaseSync(project.path(DATABASE));
    for (const { name } of database.prepare("SELECT name FROM sqlite_schema WHERE type = 'trigger'").all()) database.exec(`DROP TRIGGER "${String(name)}"`);
    database.exec('UPDATE entries SET mac = zeroblob(32) WHERE seq = (SELECT max(seq) FROM entries)');
    expect(await verify(project)).toMatchObject({ status: 0 });
    expect(await verify(project, ...backup)).toMatchObject({ status: 4, report: { error: { code: 'ledger-tampered' } } });
  });

  test('a backup of another ledger is a usage error', async () => {
    const [one, two] = [emptyProject(), emptyProject()];
    for (const project of [one, two]) {
      project.write('passphrase', 'correct horse battery staple');
      await project.run(['init', '--backup', 'shop.backup', '--passphrase-file', 'passphrase']);
    }
    expect((await one.run(['ledger', 'verify', '--backup', two.path('shop.backup'), '--passphrase-file', 'passphrase'])).status).toBe(2);
  });
});

test('a ledger in the place of a lost one needs a reason, and names the lost one', async () => {
  const project = await encryptedProject('A=1\n');
  const [lost] = JSON.parse(`[${(await project.run(['ledger', 'list', '--json', '--operation', 'ledger-created'])).stdout}]`) as { entries: readonly { object: string }[] }[];
  for (const rest of ['', '-wal', '-shm']) rmSync(project.path(DATABASE + rest), { force: true });
  expect(await project.run(['ledger', 'create'])).toMatchObject({ status: 2, stderr: 'lockfast: ledger create: it needs --reason TEXT: say what happened: whoever reads the ledger wants to know\n' });
  expect(existsSync(project.path(DATABASE))).toBe(false);
  expect((await project.run(['ledger', 'create', '--reason', 'the disk broke'])).status).toBe(0);
  const { stdout } = await project.run(['ledger', 'export', '--format', 'jsonl', '--out', '-']);
  expect(stdout).toContain(`"details":{"former":"${lost!.entries[0]!.object}"}`);
});

describe('ledger export', () => {
  test('bug class 18: a cell that a spreadsheet would run begins with an apostrophe', async () => {
    const formulas = ['=1+1', '+1', '-1', '@SUM(A1)', '\t=1', '\r=1'];
    for (const text of formulas) expect(csvCell(text).replace(/^"/, '')).toMatch(/^'/);
    expect(csvCell('a "b", c\nd')).toBe('"a ""b"", c\nd"');
    expect(csvCell('=HYPERLINK("http://x")')).toBe('"\'=HYPERLINK(""http://x"")"');
    expect(csvCell('plain-text')).toBe('plain-text');
    const project = await encryptedProject('A=1\n');
    rmSync(project.path(DATABASE));
    for (const rest of ['-wal', '-shm']) rmSync(project.path(DATABASE + rest), { force: true });
    const made = await project.run(['ledger', 'create', '--reason', '=cmd|"/C calc"!A0']);
    expect(made.status, made.stderr).toBe(0);
    const { stdout } = await project.run(['ledger', 'export', '--format', 'csv', '--out', '-']);
    expect(stdout).toContain(`"'=cmd|""/C calc""!A0"`);
    expect(stdout.endsWith('\r\n')).toBe(true);
    expect(stdout).not.toMatch(/(?:^|,)"?[=+@]/m);
  });

  test('JSONL is one entry a line, as it was recorded', async () => {
    const project = await encryptedProject('A=1\n');
    const { stdout } = await project.run(['ledger', 'export', '--format', 'jsonl', '--out', '-']);
    const entries = stdout.trimEnd().split('\n').map((line) => JSON.parse(line) as { seq: number; kind: string });
    expect(entries.map(({ seq }) => seq)).toEqual(entries.map((_, i) => i + 1));
    expect(new Set(entries.map(({ kind }) => kind))).toEqual(new Set(['event', 'intent', 'outcome']));
  });

  test('never replaces a file', async () => {
    const project = await encryptedProject('A=1\n');
    project.write('out', 'mine');
    expect((await project.run(['ledger', 'export', '--out', 'out'])).status).toBe(5);
    expect(project.text('out')).toBe('mine');
    expect((await project.run(['ledger', 'export'])).status).toBe(2);
  });
});

describe('ledger witness', () => {
  test('push reaches a witness that the command serves, and verify counts its cosignature', async () => {
    const project = await encryptedProject('A=1\n');
    await project.run(['ledger', 'witness', 'list']);
    const { stdout } = await project.run(['ledger', 'witness', 'list']);
    const line = stdout.trim().split('\n').at(-1)!;
    const host = emptyProject();
    host.write('origins', `${line}\n`);
    const child = spawn(process.execPath, [LOCKFAST, 'ledger', 'witness', 'serve', '--listen', '127.0.0.1:0', '--key', 'witness.key', '--origins', 'origins', '--state', 'state', '--name', 'witness.test'], { cwd: host.directory, env: host.env, stdio: ['ignore', 'pipe', 'inherit'] });
    onTestFinished(() => void child.kill('SIGKILL'));
    const lines = linesOf(child);
    const key = (await lines.next()).replace('key: ', '');
    const url = /http:\S+/.exec(await lines.next())![0];
    expect(statSync(host.path('witness.key')).mode & 0o777).toBe(0o400);
    configure(project, `[[witnesses]]\nhttp = "${url}"\nkey = "${key}"`);
    for (const _ of [1, 2]) {
      const pushed = await project.run(['ledger', 'witness', 'push']);
      expect(pushed.status, pushed.stderr).toBe(0);
    }
    const { report } = await verify(project);
    expect(report['witnessed']).toBe(report['entries']);
    const ended = new Promise((resolve) => child.on('close', resolve));
    child.kill('SIGTERM');
    expect(await ended).toBe(0);
    const failed = await project.run(['ledger', 'witness', 'push', '--json']);
    expect(failed.status).toBe(1);
    expect(JSON.parse(failed.stdout)).toMatchObject({ ok: false, error: { code: 'witness-failed' } });
  });

  test('one that fails does not keep the others from it', async () => {
    const project = await witnessedProject();
    configure(project, '[[witnesses]]\ncommand = ["/bin/false"]');
    expect((await project.run(['ledger', 'witness', 'push'])).status).toBe(1);
    expect(readdirSync(join(project.base, 'witness'))).toHaveLength(1);
  });

  test('[B5] a ledger that was put back is not pushed over what was witnessed', async () => {
    const project = await witnessedProject();
    cpSync(project.path(DATABASE), join(project.base, 'old.db'));
    await project.run(['env', 'get', 'A']);
    await project.run(['ledger', 'witness', 'push']);
    for (const rest of ['', '-wal', '-shm']) rmSync(project.path(DATABASE + rest), { force: true });
    cpSync(join(project.base, 'old.db'), project.path(DATABASE));
    rmSync(join(project.state, 'ledgers'), { recursive: true });
    expect((await project.run(['ledger', 'witness', 'push'])).status).toBe(4);
  });

  test('a program does not get the variables of the root key', async () => {
    const project = await encryptedProject('A=1\n');
    const seen = join(project.base, 'seen');
    configure(project, `[[witnesses]]\ncommand = ["/bin/sh", "-c", "env > '${seen}'"]`);
    const key = readFileSync(project.rootKey, 'utf8').trim();
    const made = await project.run(['key', 'source', 'add', 'env:CI_KEY'], { env: { CI_KEY: key } });
    expect(made.status, made.stderr).toBe(0);
    writeFileSync(project.path('lockfast.toml'), project.text('lockfast.toml').replace(/^key-source = .*$/m, 'key-source = "env:CI_KEY"'));
    const { status, stderr } = await project.run(['ledger', 'witness', 'push'], { env: { CI_KEY: key, LOCKFAST_X: 'y', PLAIN: 'kept' } });
    expect(status, stderr).toBe(0);
    expect(readFileSync(seen, 'utf8')).toContain('PLAIN=kept');
    expect(readFileSync(seen, 'utf8')).not.toMatch(/CI_KEY|LOCKFAST|lockfast-root/);
  });

  test.each([[['--listen', 'x', '--key', 'k', '--origins', 'o', '--state', 's']], [['--key', 'k', '--origins', 'o', '--state', 's']], [['--listen', '127.0.0.1:99999', '--key', 'k', '--origins', 'o', '--state', 's']]])('serve %j is a usage error', async (args) => {
    const project = emptyProject();
    project.write('o', '');
    expect((await project.run(['ledger', 'witness', 'serve', ...args])).status).toBe(2);
    expect(existsSync(project.path('k'))).toBe(false);
  });

  test('an origins file with a line that is none is refused, with its number', async () => {
    const project = emptyProject();
    project.write('o', '# fine\nlockfast.ledger/x nonsense\n');
    const { status, stderr } = await project.run(['ledger', 'witness', 'serve', '--listen', '127.0.0.1:0', '--key', 'k', '--origins', 'o', '--state', 's']);
    expect(status).toBe(2);
    expect(stderr).toContain('line 2');
  });
});

/** What a process prints, line by line. */
function linesOf(child: ChildProcess): { next(): Promise<string> } {
  const lines: string[] = [];
  const waiting: ((line: string) => void)[] = [];
  let rest = '';
  child.stdout!.on('data', (chunk: Buffer) => {
    const parts = (rest + chunk.toString()).split('\n');
    rest = parts.pop()!;
    for (const line of parts) {
      const take = waiting.shift();
      if (take === undefined) lines.push(line);
      else take(line);
    }
  });
  return {
    next: async () => lines.shift() ?? new Promise((resolve) => waiting.push(resolve)),
  };
}
