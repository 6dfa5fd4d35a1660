/**
 * The classes of bugs for which products like this one were published, by number: docs/bug-classes.md lists all twenty,
 * and where each is tested. Here are those that are a matter of the whole command.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { chmodSync, copyFileSync, cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { hostname, userInfo } from 'node:os';
import { join } from 'node:path';

import type { LedgerEntry } from '@lockfast/ledger';
import { describe, expect, test } from 'vitest';

import { COMMANDS } from '../src/commands.ts';
import { ledgerEntries } from './support/ledger.ts';
import { type Around, copyOf, encryptedProject, initialisedProject, type Outcome, type Project } from './support/project.ts';

const ACME = 'tenants/acme/.env.encrypted';
const TENANTS = '\n[tenants]\npath = "tenants/{tenant}"\n';

/** A project in git with a file of its own and one of a tenant, two passphrases and a backup. */
async function wholeProject(): Promise<Project> {
  const project = await encryptedProject('A=1\nB=2\n');
  writeFileSync(project.path('lockfast.toml'), project.text('lockfast.toml') + TENANTS);
  project.write('tenants/acme/.env', 'A=acme\n');
  project.write('passphrase', 'correct horse battery staple');
  for (const args of [
    ['env', 'encrypt', 'tenants/acme/.env'],
    ['key', 'backup', 'ring.backup', '--passphrase-file', 'passphrase', '--kdf', 'pbkdf2-sha256'],
    ['key', 'split', '--shares', '3', '--threshold', '2', '--out', 'shares'],
  ]) await done(project, args);
  git(project, 'init', '--quiet');
  git(project, 'add', '-A');
  git(project, 'commit', '--quiet', '-m', 'first');
  return project;
}

function git(project: Project, ...args: string[]): void {
  execFileSync('git', ['-c', 'user.name=x', '-c', 'user.email=x@example.invalid', ...args], { cwd: project.directory, env: project.env });
}

async function done(project: Project, args: readonly string[], around: Around = {}): Promise<string> {
  const { status, stdout, stderr } = await project.run(args, around);
  expect(status, `${args.join(' ')}: ${stderr}`).toBe(0);
  return stdout;
}

async function activeKey(project: Project): Promise<string> {
  const { keys } = JSON.parse(await done(project, ['key', 'list', '--json'])) as { keys: { id: string; state: string }[] };
  return keys.find(({ state }) => state === 'active')!.id;
}

function sharesOf(project: Project): string[] {
  return readdirSync(project.path('shares')).map((name) => `shares/${name}`);
}

/** What a command added to the ledger, and how it ended. */
async function recorded(project: Project, args: readonly string[], around: Around = {}): Promise<{ readonly outcome: Outcome; readonly entries: readonly LedgerEntry[] }> {
  const before = (await ledgerEntries(project)).length;
  const outcome = await project.run(args, around);
  return { outcome, entries: (await ledgerEntries(project)).slice(before).map((entry, i) => ({ ...entry, ...(entry.intent === undefined ? {} : { intent: entry.intent - before - 1 }), seq: i })) };
}

describe('[E14] bug class 2: nothing that uses or changes keys goes by the ledger', () => {
  /** They open no key ring, or only to show dates and names of keys, or only read the ledger. */
  const NO_USE = new Set([
    'completion', 'doctor', 'key generate', 'key list', 'key schedule', 'key source list', 'backup list',
    'ledger list', 'ledger verify', 'ledger export', 'ledger witness push', 'ledger witness list', 'ledger witness serve',
  ]);
  /** Their records are looked at elsewhere: approvals in keys.test.ts, a restored ledger in ledger.test.ts. */
  const ELSEWHERE = new Set(['key approve', 'ledger accept-restored']);
  const swept = new Set<string>();

  /** Exactly these things are on record, as `operation outcome`, each as one intent and one outcome, or as one event, with all that is known of it. */
  async function expectRecorded(project: Project, args: readonly string[], expected: readonly string[], around: Around = {}): Promise<readonly LedgerEntry[]> {
    const command = args.slice(0, COMMANDS.some(({ name }) => name === args.slice(0, 3).join(' ')) ? 3 : COMMANDS.some(({ name }) => name === args.slice(0, 2).join(' ')) ? 2 : 1).join(' ');
    const { outcome, entries } = await recorded(project, args, around);
    const name = `${args.join(' ')}: ${outcome.stderr}`;
    const intents = entries.filter(({ kind }) => kind === 'intent');
    const ends = entries.filter(({ kind }) => kind !== 'intent');
    expect(ends.map(({ operation, outcome: end, code }) => [operation, end, ...(code === undefined ? [] : [code])].join(' ')).toSorted(), name).toEqual([...expected].toSorted());
    expect(ends.flatMap(({ intent }) => (intent === undefined ? [] : [intent])).toSorted((a, b) => a - b), name).toEqual(entries.flatMap(({ kind }, i) => (kind === 'intent' ? [i] : [])));
    for (const end of ends.filter(({ kind }) => kind === 'outcome')) {
      const begun = entries[end.intent!]!;
      expect([end.operation, end.object, end.tenant, end.environment, end.reason], name).toEqual([begun.operation, begun.object, begun.tenant, begun.environment, begun.reason]);
    }
    for (const entry of [...intents, ...ends]) {
      expect(entry, name).toMatchObject({ object: expect.stringMatching(/./), environment: 'production', time: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:]{8}\.\d{3}Z$/) });
      expect(entry.actor, name).toMatchObject({ user: userInfo().username, uid: process.getuid!(), host: hostname(), pid: expect.any(Number), program: `lockfast ${command}` });
    }
    swept.add(command);
    return ends;
  }

  test('each command that is done is one intent and one outcome, or one event, of each thing that it does', { timeout: 240_000 }, async () => {
    const project = await wholeProject();
    const key = await activeKey(project);
    const path = project.path('.env.encrypted');
    const ring = project.path('.lockfast/keyring.json');
    const of = async (args: readonly string[], expected: readonly string[], common: Partial<LedgerEntry>, around: Around = {}): Promise<void> => {
      for (const end of await expectRecorded(project, args, expected, around)) expect(end, args.join(' ')).toMatchObject(common);
    };
    const file = { object: path, keyId: key };

    await of(['status'], ['status success'], { object: project.path('lockfast.toml') });
    await of(['env', 'decrypt'], ['decrypt success'], file);
    await of(['env', 'encrypt'], ['encrypt success'], file);
    await of(['env', 'encrypt', '-', '--tenant', 'acme'], ['encrypt success'], { object: project.path(ACME), tenant: 'acme', keyId: key }, { input: 'A=2\n' });
    await of(['env', 'verify', '.env.encrypted', ACME], ['verify success', 'verify success'], { keyId: key });
    await of(['env', 'list', ACME], ['decrypt success'], { object: project.path(ACME), tenant: 'acme', keyId: key });
    await of(['env', 'get', 'A'], ['decrypt success'], file);
    await of(['env', 'set', 'C'], ['encrypt success'], { ...file, details: { variable: 'C' } }, { input: '3' });
    await of(['env', 'unset', 'C'], ['encrypt success'], { ...file, details: { variable: 'C' } });
    await of(['env', 'edit'], ['decrypt success'], file, { env: { EDITOR: 'true' } });
    await of(['env', 'edit'], ['decrypt success', 'encrypt success'], file, { env: { EDITOR: `sh -c 'echo D=4 >> "$1"' x` } });
    await of(['env', 'diff'], ['decrypt success', 'decrypt success'], file);
    copyFileSync(path, project.path('base'));
    copyFileSync(path, project.path('theirs'));
    await of(['env', 'merge', 'base', '.env.encrypted', 'theirs'], ['encrypt success'], file);
    project.write('old.env', 'X=1\n');
    await of(['env', 'convert', '--from', 'plain', 'old.env', '--out', 'new.env.encrypted'], ['encrypt success'], { object: project.path('new.env.encrypted'), keyId: key });
    await of(['run', '--file', '.env.encrypted', '--file', ACME, '--', 'true'], ['decrypt success', 'decrypt success'], { keyId: key });
    rmSync(project.path('new.env.encrypted'));

    const root = readFileSync(project.rootKey, 'utf8').trim();
    const second = { env: { SECOND: root } };
    await of(['key', 'source', 'add', 'env:SECOND'], ['key-source-add success'], { object: ring, details: { source: 'env:SECOND', generation: expect.any(Number) } }, second);
    await of(['key', 'source', 'remove', 'env:SECOND', '--drop-unreachable'], ['key-source-remove success'], { object: ring, details: { source: 'env:SECOND', generation: expect.any(Number) } }, second);
    await of(['key', 'create', '--reason', 'yearly'], ['key-create success'], { object: ring, reason: 'yearly' });
    const made = (await ledgerEntries(project)).at(-1)!.keyId!;
    expect(made).toMatch(/^[a-z][a-z2-7]{5}$/);
    await of(['key', 'activate', made], ['key-activate success'], { object: made, keyId: made });
    await of(['key', 'rotate', '--reason', 'ticket 4711'], ['key-rotate success', 're-encrypt success', 're-encrypt success'], {});
    const rotation = (await ledgerEntries(project)).filter(({ kind }) => kind === 'outcome').slice(-3);
    const newest = await activeKey(project);
    for (const one of rotation) expect(one.keyId).toBe(newest);
    expect(rotation.map(({ object, tenant }) => [object, tenant])).toEqual(expect.arrayContaining([[path, undefined], [project.path(ACME), 'acme']]));
    await of(['key', 'usage', key], ['key-usage success'], { object: key, keyId: key, details: { files: 0, unread: 0 } });
    const [backup] = readdirSync(project.path('.lockfast/backups'));
    const manifest = `.lockfast/backups/${backup}/manifest.json`;
    project.write(manifest, project.text(manifest).replace(/"started": *"\d{4}/, '"started":"2020'));
    await of(['backup', 'prune'], ['backup-prune success'], { object: project.path('.lockfast/backups'), details: { rotations: backup!, olderThan: '30d' } });
    await of(['key', 'retire', key], ['key-retire success'], { object: key, keyId: key });
    await of(['key', 'destroy', key, '--yes', '--reason', 'over'], ['key-destroy success'], { object: key, keyId: key, reason: 'over' });
    await of(['key', 'compromised', made, '--reason', 'seen'], ['key-compromised success'], { object: made, keyId: made, reason: 'seen' });
    await of(['key', 'departure', '--reason', 'left'], ['key-departure success'], { reason: 'left' });
    await of(['key', 'backup', 'another.backup', '--passphrase-file', 'passphrase', '--kdf', 'pbkdf2-sha256'], ['key-backup success'], { object: project.path('another.backup') });
    await of(['key', 'split', '--shares', '2', '--threshold', '2', '--out', 'shares'], ['key-split success'], { object: ring, details: { shares: 2, threshold: 2 } });
    const shares = sharesOf(project).filter((name) => name.endsWith('of-2.share'));
    await of(['key', 'rewrap', '--new-key-out', 'second.key'], ['key-rewrap success'], { object: ring });
    await of(['key', 'combine', ...shares, '--new-key-out', 'third.key'], ['key-combine success'], { object: ring });
    await of(['key', 'restore', 'another.backup', '--passphrase-file', 'passphrase', '--drill'], ['key-restore-drill success'], { object: project.path('another.backup') });
    await of(['key', 'restore', 'another.backup', '--passphrase-file', 'passphrase', '--force'], ['key-restore success'], { object: ring });
    const older = project.text('.lockfast/keyring.json');
    await done(project, ['key', 'departure', '--reason', 'again']);
    project.write('.lockfast/keyring.json', older);
    await of(['key', 'accept-older', '--above', '99', '--reason', 'disk lost'], ['key-accept-older success'], { object: ring, reason: 'disk lost', details: { above: 99 } });
    for (const end of ['', '-wal', '-shm']) rmSync(project.path(`.lockfast/ledger.db${end}`), { force: true });
    await done(project, ['ledger', 'create', '--reason', 'lost']);
    expect((await ledgerEntries(project)).map(({ kind, operation, reason, outcome }) => [kind, operation, reason, outcome])).toEqual([
      ['event', 'ledger-created', undefined, 'success'],
      ['event', 'ledger-create', 'lost', 'success'],
    ]);
    swept.add('ledger create');
    const fresh = await initialisedProject();
    expect((await ledgerEntries(fresh)).map(({ kind, operation, outcome }) => [kind, operation, outcome])).toContainEqual(['event', 'init', 'success']);
    swept.add('init');

    expect([...swept, ...NO_USE, ...ELSEWHERE].toSorted()).toEqual(COMMANDS.map(({ name }) => name).toSorted());
  });

  /** What needs the key ring, and the operation that it is recorded as. */
  function commandsOf(project: Project, key: string): readonly (readonly [args: readonly string[], operation: string, around?: Around])[] {
    return [
      [['env', 'encrypt', 'plain.env', '--keep'], 'encrypt'],
      [['env', 'encrypt', '-'], 'encrypt', { input: 'A=1\n' }],
      [['env', 'decrypt', '--out', '-'], 'decrypt'],
      [['env', 'verify'], 'verify'],
      [['env', 'list'], 'decrypt'],
      [['env', 'get', 'A'], 'decrypt'],
      [['env', 'set', 'A'], 'encrypt', { input: 'x' }],
      [['env', 'unset', 'A'], 'encrypt'],
      [['env', 'edit'], 'decrypt', { env: { EDITOR: 'true' } }],
      [['env', 'diff'], 'decrypt'],
      [['env', 'merge', 'base', '.env.encrypted', 'base'], 'encrypt'],
      [['env', 'convert', '--from', 'plain', 'plain.env', '--out', 'x.encrypted'], 'encrypt'],
      [['run', '--', 'touch', 'started'], 'decrypt'],
      [['key', 'create'], 'key-create'],
      [['key', 'activate', key], 'key-activate'],
      [['key', 'retire', key], 'key-retire'],
      [['key', 'destroy', key, '--yes'], 'key-destroy'],
      [['key', 'usage'], 'key-usage'],
      [['key', 'compromised', key, '--reason', 'r'], 'key-compromised'],
      [['key', 'departure', '--reason', 'r'], 'key-departure'],
      [['key', 'backup', 'x.backup', '--passphrase-file', 'passphrase'], 'key-backup'],
      [['key', 'split', '--shares', '2', '--threshold', '2', '--out', 'more'], 'key-split'],
      [['key', 'rewrap', '--new-key-out', 'x.key'], 'key-rewrap'],
      [['key', 'source', 'add', 'env:HOME'], 'key-source-add'],
      [['key', 'source', 'remove', sourceOf(project)], 'key-source-remove'],
      [['key', 'accept-older', '--above', '99', '--reason', 'r'], 'key-accept-older'],
      [['key', 'approve', 'abcdefgh'], 'key-approve'],
    ];
  }

  async function readyProject(): Promise<Project> {
    const project = await wholeProject();
    project.write('plain.env', 'A=1\n');
    copyFileSync(project.path('.env.encrypted'), project.path('base'));
    return project;
  }

  /** Everything but the ledger, and what stands beside it. */
  function unchanged(project: Project): Record<string, string> {
    return Object.fromEntries(Object.entries(project.tree()).filter(([path]) => !/\.ssh|\/state\//.test(path)));
  }

  test('each command that finds another root key is on record as failed, once, and changes nothing', { timeout: 240_000 }, async () => {
    const project = await readyProject();
    const key = await activeKey(project);
    const before = unchanged(project);
    const other = (await done(project, ['key', 'generate', '--format', 'root'])).trim();
    for (const [args, operation, around = {}] of commandsOf(project, key)) {
      const env = { ...around.env, LOCKFAST_KEY_SOURCE: 'env:ROOT', ROOT: other };
      const ends = await expectRecorded(project, args, [`${operation} failure wrong-key`], { ...around, env });
      expect(ends[0], args.join(' ')).toMatchObject({ outcome: 'failure', code: 'wrong-key' });
    }
    project.write('wrong-passphrase', 'not this one at all');
    await expectRecorded(project, ['key', 'restore', 'ring.backup', '--passphrase-file', 'wrong-passphrase', '--force'], ['key-restore failure wrong-key']);
    await expectRecorded(project, ['key', 'restore', 'ring.backup', '--passphrase-file', 'wrong-passphrase', '--drill'], ['key-restore-drill failure wrong-key']);
    await expectRecorded(project, ['key', 'combine', sharesOf(project)[0]!, '--new-key-out', 'x.key'], ['key-combine failure invalid-share']);
    rmSync(project.path('wrong-passphrase'));
    expect(unchanged(project)).toEqual(before);
  });

  test('[S8] each command that a person may not use is on record as refused, once, and changes nothing', { timeout: 240_000 }, async () => {
    const project = await readyProject();
    const key = await activeKey(project);
    const manifest = JSON.parse(await done(project, ['key', 'rotate', '--json'])) as { id: string };
    const path = `.lockfast/backups/${manifest.id}/manifest.json`;
    project.write(path, project.text(path).replace(/"started": *"\d{4}/, '"started":"2020'));
    writeFileSync(project.path('lockfast.toml'), `${project.text('lockfast.toml')}\n[roles]\nadmin = ["nobody"]\noperator = ["nobody"]\nauditor = ["nobody"]\n`);
    const before = unchanged(project);
    const commands = [
      ...commandsOf(project, key),
      [['key', 'list'], 'key-list'],
      [['key', 'schedule'], 'key-schedule'],
      [['key', 'rotate'], 'key-rotate'],
      [['key', 'rotate', '--dry-run'], 'key-rotate'],
      [['key', 'restore', 'ring.backup', '--passphrase-file', 'passphrase', '--force'], 'key-restore'],
      [['key', 'combine', ...sharesOf(project), '--new-key-out', 'x.key'], 'key-combine'],
      [['backup', 'prune'], 'backup-prune'],
      [['ledger', 'accept-restored', '--reason', 'r'], 'ledger-restored'],
    ] as ReturnType<typeof commandsOf>;
    for (const [args, operation, around = {}] of commands) await expectRecorded(project, args, [`${operation} refused not-permitted`], around);
    expect(unchanged(project)).toEqual(before);
    expect(existsSync(project.path('started'))).toBe(false);
  });

  function sourceOf(project: Project): string {
    return (JSON.parse(project.text('.lockfast/keyring.json')) as { sources: { source: string }[] }).sources[0]!.source;
  }
});
