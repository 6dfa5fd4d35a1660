import { randomBytes } from 'node:crypto';
import { chmodSync, existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { describe, expect, test } from 'vitest';

import { gitignoreState, GuardKey, guardValues, parseGuardFile, plaintextEnv, printGuardFile, ProviderSearch, sarif, scan, type Scope, Scanner, updatedGuardFile, ValueMatcher } from '../src/index.ts';
import { Repository } from './repository.ts';

const VALUE = 'q7Zp-2xVb9_Lk4Nw8Rt1Ys6Dc3Gf5Hj';
const TOKEN = ['ghp', '0123456789abcdefghijABCDEFGHIJ012345'].join('_');

function scannerFor(value = VALUE): Scanner {
  const key = GuardKey.random();
  return new Scanner(new ValueMatcher(guardValues([{ tenant: 'acme', variable: 'API_KEY', value }], key, '2026-03-01', 'memory').values, key));
}

async function found(repository: Repository, scope: Scope): Promise<string[]> {
  const { findings } = await scan(repository.place, scope, scannerFor());
  return findings.map(({ kind, path, line }) => `${kind} ${path}${line === undefined ? '' : `:${line}`}`).toSorted();
}

describe('scopes', () => {
  test('[E12] what is staged is what counts, not the work tree', async () => {
    const repository = new Repository();
    repository.write('.env', 'A=1\n');
    repository.write('a.txt', `\n${VALUE}\n`);
    repository.git('add', '--all');
    repository.write('.env', '');
    repository.write('a.txt', 'harmless');
    repository.write('b.txt', VALUE);
    expect(await found(repository, { kind: 'staged' })).toEqual(['plaintext-env .env', 'secret-value a.txt:2']);
    expect(await found(repository, { kind: 'worktree' })).toEqual(['secret-value b.txt:1']);
    expect(await found(repository, { kind: 'usual' })).toEqual(['plaintext-env .env', 'secret-value a.txt:2', 'secret-value b.txt:1']);
    repository.commit();
    expect(await found(repository, { kind: 'staged' })).toEqual([]);
  });

  test('[E12] a range is its own commits, a push what the remote has not', async () => {
    const repository = new Repository();
    repository.write('old.txt', VALUE);
    const first = repository.commit();
    repository.write('new.txt', `${VALUE}!`);
    const second = repository.commit();
    expect(await found(repository, { kind: 'range', range: `${first}..${second}` })).toEqual(['secret-value new.txt:1']);
    expect(await found(repository, { kind: 'range', range: 'main' })).toEqual(['secret-value new.txt:1', 'secret-value old.txt:1']);
    const refs = (remoteId: string): Scope => ({ kind: 'push', remote: 'origin', refs: [{ localId: second, remoteName: 'refs/heads/main', remoteId }] });
    expect(await found(repository, refs(first))).toEqual(['secret-value new.txt:1']);
    expect(await found(repository, refs('0'.repeat(40)))).toHaveLength(2);
    expect(await found(repository, { kind: 'push', remote: 'origin', refs: [{ localId: '0'.repeat(40), remoteName: 'refs/heads/main', remoteId: first }] })).toEqual([]);
  });

  test('[E12] [B7] a push brings the name of a new branch or tag, too; one that the remote has already, or loses, is no news', async () => {
    const repository = new Repository();
    const commit = repository.commit();
    const none = '0'.repeat(40);
    const push = (localId: string, remoteName: string, remoteId: string): Scope => ({ kind: 'push', remote: 'origin', refs: [{ localId, remoteName, remoteId }] });
    for (const name of [`refs/heads/fix/${VALUE}`, `refs/tags/${VALUE}`]) {
      expect(await found(repository, push(commit, name, none))).toEqual(['secret-value (a name)']);
      expect(await found(repository, push(commit, name, commit))).toEqual([]);
      expect(await found(repository, push(none, name, commit))).toEqual([]);
    }
    expect(await found(repository, push(commit, 'refs/heads/main', none))).toEqual([]);
  });

  test('[E12] history has every stash, not only the newest one', async () => {
    const repository = new Repository();
    repository.write('a.txt', 'x');
    repository.commit();
    for (const text of [VALUE, 'harmless', 'as well']) {
      repository.write('a.txt', text);
      repository.git('stash', 'push', '--quiet');
    }
    expect(await found(repository, { kind: 'history' })).toEqual(['secret-value a.txt:1']);
  });

  test.each(['', '..', 'a..b..c', '--all', 'main..--output=x', 'nowhere', 'main^{tree}', 'main..:/x'])('the range %j is refused', async (range) => {
    const repository = new Repository();
    repository.commit();
    await expect(found(repository, { kind: 'range', range })).rejects.toMatchObject({ code: 'not-found' });
    expect(existsSync(join(repository.directory, 'x'))).toBe(false);
  });

  test('a name that holds a secret is not shown, in no finding', async () => {
    const repository = new Repository();
    repository.write(`${VALUE}/.env`, `A=${VALUE}\n`);
    repository.commit();
    for (const kind of ['worktree', 'history'] as const) {
      const { findings } = await scan(repository.place, { kind }, scannerFor());
      expect(findings.length).toBeGreaterThan(1);
      expect(JSON.stringify(findings)).not.toContain(VALUE);
    }
  });

  test('before the first commit, and in an empty repository', async () => {
    const repository = new Repository();
    for (const kind of ['usual', 'staged', 'worktree', 'history'] as const) expect(await found(repository, { kind })).toEqual([]);
    repository.write('.env.production', 'A=1\n');
    repository.git('add', '--all');
    expect(await found(repository, { kind: 'staged' })).toEqual(['plaintext-env .env.production']);
  });

  test('a shallow clone says what it does not have', async () => {
    const repository = new Repository();
    repository.commit('one');
    repository.commit('two');
    repository.git('clone', '--quiet', '--depth=1', `file://${repository.directory}`, `${repository.base}/shallow`);
    const { notScanned } = await scan({ ...repository.place, directory: `${repository.base}/shallow` }, { kind: 'history' }, scannerFor());
    expect(notScanned.join()).toMatch('shallow');
  });
});

test('[E12] nothing that the repository configures is run', async () => {
  const repository = new Repository();
  const trap = join(repository.base, 'trap');
  repository.write('../trap.sh', `#!/bin/sh\ntouch '${trap}'\ncat\n`);
  const script = join(repository.base, 'trap.sh');
  chmodSync(script, 0o755);
  repository.write('.gitattributes', '* filter=evil diff=evil merge=evil\n');
  repository.write('a.txt', VALUE);
  repository.commit();
  for (const name of ['core.fsmonitor', 'core.pager', 'core.editor', 'core.sshCommand', 'core.askPass', 'core.alternateRefsCommand', 'diff.external', 'diff.evil.textconv', 'diff.evil.command', 'filter.evil.clean', 'filter.evil.smudge', 'filter.evil.process', 'merge.evil.driver', 'credential.helper', 'uploadpack.packObjectsHook', 'gpg.program', 'pager.log', 'log.showSignature']) {
    repository.git('config', name, name === 'log.showSignature' ? 'true' : script);
  }
  repository.git('config', 'filter.evil.required', 'true');
  for (const hook of ['post-index-change', 'reference-transaction', 'post-checkout', 'pre-commit']) {
    repository.write(`.git/hooks/${hook}`, `#!/bin/sh\ntouch '${trap}'\n`);
    chmodSync(join(repository.directory, '.git/hooks', hook), 0o755);
  }
  repository.write('a.txt', `${VALUE}\n`);
  const environment = { ...repository.environment, GIT_EXTERNAL_DIFF: script, GIT_PAGER: script, GIT_SSH_COMMAND: script, GIT_CONFIG_COUNT: '1', GIT_CONFIG_KEY_0: 'core.fsmonitor', GIT_CONFIG_VALUE_0: script, PATH: `.:${process.env['PATH']!}` };
  repository.write('git', `#!/bin/sh\ntouch '${trap}'\n`);
  chmodSync(join(repository.directory, 'git'), 0o755);
  for (const kind of ['usual', 'staged', 'worktree', 'history'] as const) await scan({ ...repository.place, environment }, { kind }, scannerFor());
  gitignoreState({ ...repository.place, environment }, 'committed');
  expect(existsSync(trap)).toBe(false);
});

test('outside of a repository it says so', async () => {
  const repository = new Repository();
  await expect(scan({ ...repository.place, directory: repository.base }, { kind: 'usual' }, scannerFor())).rejects.toMatchObject({ code: 'tool-failed' });
});

describe('env files', () => {
  test.each([
    ['.env', 'A=1\n', 'name'],
    ['app/.env.production', 'export A=1\n', 'name'],
    ['prod.env', 'A="x y"\n', 'name'],
    ['.env.backup_20260301', 'A=1\n', 'name'],
    ['db.backup_1', 'A=1\n', 'name'],
    ['.env.encrypted', 'A=1\n', 'name'],
    ['settings', `# x\nDB_HOST=db\nDB_PASSWORD=${VALUE}\n`, 'content'],
  ])('[E12] %s is one', (path, text, reason) => expect(plaintextEnv(path, Buffer.from(text))?.reason).toBe(reason));

  test.each([
    ['.env.example', 'A=1\n'],
    ['.env', ''],
    ['.env', '# nothing\nA=\n'],
    ['.env.d.ts', 'A=1\n'],
    ['src/env.ts', 'A=1\n'],
    ['environment.txt', 'A=1\n'],
    ['Makefile', `CC=gcc\nall:\n\techo\n`],
    ['settings', 'DB_HOST=db\nDB_PASSWORD=changeme\n'],
    ['.env.encrypted', '# lockfast-env-2 \n'],
  ])('%s is none: %j', (path, text) => expect(plaintextEnv(path, Buffer.from(text))).toBeUndefined());
});

describe('.gitignore', () => {
  test.each([
    ['', 'committed', ['.env', '.env.*', '.env.secrets', '*.backup_*', '!.env.example', '!*.encrypted']],
    ['.env\n.env.*\n*.backup_*\n!.env.example\n!*.encrypted\n', 'committed', []],
    ['.env\n.env.*\n*.backup_*\n!.env.example\n!*.encrypted\n', 'ignored', ['*.encrypted']],
    ['.env*\n*.backup_*\n', 'committed', ['!.env.example', '!*.encrypted']],
    ['/.env\n.env.*\n*.backup_*\n!.env.example\n!*.encrypted\n', 'committed', ['.env']],
    ['!.env.example\n.env\n.env.*\n*.backup_*\n', 'ignored', ['!.env.example']],
  ] as const)('[E12] %j with %s files lacks %j', (text, encrypted, missing) => {
    const repository = new Repository();
    repository.write('.gitignore', text);
    expect(gitignoreState(repository.place, encrypted).missing).toEqual(missing);
  });
});

describe('guard file', () => {
  const empty = { id: 'abcdefghijklmnop', environment: 'test', wrapped: null, values: [], unguardable: [] };
  const open = (value: string): { tenant: string; variable: string; value: string }[] => [{ tenant: '', variable: 'KEY', value }];

  test('[B7] a value of before is retired, found, and comes back as live', () => {
    const key = GuardKey.random();
    const one = updatedGuardFile(empty, open(VALUE), key, '2026-03-01');
    const two = updatedGuardFile(one.file, open(`${VALUE}-2`), key, '2026-04-01');
    expect([one.report, two.report]).toEqual([{ added: ['KEY'], retired: [] }, { added: ['KEY'], retired: ['KEY'] }]);
    const matches = new ValueMatcher(two.file.values, key).search(Buffer.from(`${VALUE}-2`));
    expect(matches.map(({ value: { state, since, until } }) => [state, since, until])).toEqual([['live', '2026-04-01', undefined], ['retired', '2026-03-01', '2026-04-01']]);
    const three = updatedGuardFile(two.file, open(VALUE), key, '2026-05-01');
    expect(three.file.values.map(({ state, since }) => [state, since])).toEqual([['live', '2026-03-01'], ['retired', '2026-04-01']]);
    expect(printGuardFile(updatedGuardFile(three.file, open(VALUE), key, '2026-06-01').file, key)).toBe(printGuardFile(three.file, key));
  });

  test.each([
    ['short', 'it has less than 12 bytes'],
    ['development-database', 'it could be guessed'],
    ['postgres://localhost:5432/application', 'it is a URL without a secret in it'],
    ['x7Kp2vQ9mZr4Lt8', 'it is too short for a guard file: it is looked for where the key ring opens'],
    ['postgres://app:x7Kp2vQ9mZ@database.example.com:5432/application', 'it is too short for a guard file: it is looked for where the key ring opens'],
  ])('[B7] %s is not guardable, and listed', (value, why) => {
    const { file } = updatedGuardFile(empty, open(value), GuardKey.random(), '2026-03-01');
    expect([file.values, file.unguardable]).toEqual([[], [{ tenant: '', variable: 'KEY', why }]]);
  });

  test('[B7] altered in any character, or under another key, it is refused', () => {
    const key = GuardKey.random();
    const text = printGuardFile(updatedGuardFile(empty, open(VALUE), key, '2026-03-01').file, key);
    expect(parseGuardFile(text, 'guard.json').proven(key).values).toHaveLength(1);
    expect(() => parseGuardFile(text, 'guard.json').proven(GuardKey.random())).toThrow(expect.objectContaining({ code: 'wrong-key' }));
    for (let at = 0; at < text.length; at += 7) {
      const altered = text.slice(0, at) + (text[at] === '1' ? '2' : '1') + text.slice(at + 1);
      if (/^\s$/.test(text[at]!)) continue;
      expect(() => parseGuardFile(altered, 'guard.json').proven(key), altered.slice(at - 10, at + 10)).toThrow(/guard\.json/);
    }
  });

  test.each(['', '{}', '[]', 'null', '{"format":"lockfast-guard-1"}', `{"format":"lockfast-guard-1","format":"x"}`])('%j is refused', (text) => {
    expect(() => parseGuardFile(text, 'guard.json')).toThrow(expect.objectContaining({ code: 'malformed' }));
  });

  test.each(['', 'lockfast-guard-1.x.y', 'lockfast-root-1.abc'])('%j is no guard key, and not shown', (text) => {
    expect(() => GuardKey.parse(text, 'here')).toThrow(expect.objectContaining({ code: 'invalid-key', message: 'here does not hold a guard key' }));
  });
});

test('[E12] providers mark their credentials, and what only begins like one costs nothing', async () => {
  const providers = new ProviderSearch();
  const rules = async (text: string): Promise<string[]> => (await providers.search('a.txt', Buffer.from(text, 'latin1'))).map(({ rule }) => rule);
  const stripe = ['sk', 'live', '0123456789abcdefABCDEF012345'].join('_');
  expect(await rules(`é\nx = "${TOKEN}"`)).toEqual(['github']);
  expect(await rules(`${stripe} npm_config_registry glpat-x hf_`)).toEqual(['stripe']);
  expect(await rules('-----BEGIN CERTIFICATE-----')).toEqual([]);
  expect(await rules('/* secretlint-disable */ ' + TOKEN)).toEqual(['github']);
});

test('[B7] no false finding in the sources of typescript and prisma', { timeout: 120_000 }, async () => {
  const modules = fileURLToPath(new URL('../../../node_modules/', import.meta.url));
  const key = GuardKey.random();
  const values = Array.from({ length: 200 }, (_, i) => ({ tenant: '', variable: `V${i}`, value: randomBytes(24).toString('base64url') }));
  const scanner = new Scanner(new ValueMatcher(guardValues(values, key, '2026-03-01', 'memory').values, key));
  let bytes = 0;
  for (const name of ['typescript', 'prisma']) {
    for (const entry of readdirSync(join(modules, name), { recursive: true, withFileTypes: true })) {
      if (!entry.isFile()) continue;
      const path = join(entry.parentPath, entry.name);
      const content = readFileSync(path);
      bytes += content.length;
      expect(await scanner.file(content, [{ path, commit: undefined }]), path).toEqual([]);
    }
  }
  expect(bytes).toBeGreaterThan(10_000_000);
});

test('[E12] SARIF names rule, place and fingerprint', async () => {
  const repository = new Repository();
  repository.write('ä b.txt', `\n${VALUE}\n`);
  repository.commit();
  const { findings } = await scan(repository.place, { kind: 'history' }, scannerFor());
  const log = JSON.parse(sarif(findings, '1.0.0')) as { version: string; runs: { results: { ruleId: string; locations: unknown[]; partialFingerprints: object }[] }[] };
  expect(log.version).toBe('2.1.0');
  expect(log.runs[0]!.results).toMatchObject([
    { ruleId: 'secret-value', locations: [{ physicalLocation: { artifactLocation: { uri: '%C3%A4%20b.txt' }, region: { startLine: 2 } } }], partialFingerprints: { 'lockfast/v1': findings[0]!.fingerprint } },
  ]);
  expect(JSON.stringify(log)).not.toContain(VALUE);
});
