/** Backups, shares and new root keys: what opens the ring again, and what is said when it can't be. */
import { chmodSync, copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, symlinkSync, unlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

import { describe, expect, onTestFinished, test, vi } from 'vitest';

import { FAULTS, missingForMounting, missingForTracing, PseudoTerminal, strike, traceFileCalls, type Trial } from '@lockfast/testkit';
import { smallDisk } from './support/disk.ts';
import { copyOf, emptyProject, encryptedProject, LOCKFAST, type Outcome, type Project } from './support/project.ts';
import { deep, sampledOfEach, seed } from './support/rotation-sample.ts';

const PLAINTEXT = 'A=canary-91c4\n# note\nexport B="two lines\nof it"\n';
const PASSPHRASE = 'correct horse battery staple\n';

// Passphrases are stretched in many of them.
vi.setConfig({ testTimeout: 60_000 });

const noMounting = missingForMounting();
const noTracing = missingForTracing();

/** A project with an encrypted file, and a passphrase in a file beside it. */
async function project(): Promise<Project> {
  const made = await encryptedProject(PLAINTEXT);
  made.write('../passphrase', PASSPHRASE, 0o400);
  return made;
}

function passphrase(of: Project): string[] {
  return ['--passphrase-file', join(of.base, 'passphrase')];
}

/** Runs it and wants it to succeed. */
async function ok(of: Project, ...args: readonly string[]): Promise<Outcome> {
  const outcome = await of.run(args);
  expect([args.join(' '), outcome.status, outcome.stderr]).toEqual([args.join(' '), 0, outcome.stderr]);
  return outcome;
}

/** Runs it with --json and gives the error's code, with the exit status. */
async function refusal(of: Project, ...args: readonly string[]): Promise<[code: string, status: number | null]> {
  const { stdout, status } = await of.run([...args, '--json']);
  return [(JSON.parse(stdout) as { error: { code: string } }).error.code, status];
}

async function withBackup(): Promise<{ at: Project; backup: string }> {
  const at = await project();
  const backup = join(at.base, 'shop.backup');
  await ok(at, 'key', 'backup', backup, ...passphrase(at));
  return { at, backup };
}

/** Nothing is left of the root key and of what the machine remembers. */
function loseMachine(of: Project): void {
  rmSync(join(of.home, '.config'), { recursive: true });
  rmSync(join(of.home, '.local'), { recursive: true });
}

async function plaintextOf(of: Project): Promise<string> {
  return (await of.run(['env', 'decrypt', '--out', '-'])).stdout;
}

function inTerminal(of: Project, ...args: readonly string[]): PseudoTerminal {
  const terminal = new PseudoTerminal([process.execPath, LOCKFAST, ...args], { cwd: of.directory, env: of.env });
  onTestFinished(() => terminal[Symbol.dispose]());
  return terminal;
}

function ring(of: Project): { format: string; generation: number; backup: string | null; sources: { source: string }[]; keys: { id: string }[] } {
  return JSON.parse(of.text('.lockfast/keyring.json')) as ReturnType<typeof ring>;
}

function ledgerOf(of: Project): string[] {
  return existsSync(of.path('.lockfast/ledger.db')) ? [...readFileSync(of.path('.lockfast/ledger.db'), 'latin1').matchAll(/"operation":"(key-[a-z-]+)"/g)].map(([, operation]) => operation!) : [];
}

describe('a recovery backup', () => {
  test('[W8] [E2] rebuilds the ring on a bare machine, and the file from git opens there', async () => {
    const { at, backup } = await withBackup();
    expect(JSON.parse(readFileSync(backup, 'utf8'))).toMatchObject({ format: 'lockfast-backup/2', sources: [{ source: 'passphrase:' }] });
    expect(ring(at).backup).not.toBeNull();

    const bare = emptyProject();
    copyFileSync(backup, join(bare.base, 'b'));
    bare.write('../passphrase', PASSPHRASE, 0o400);
    const restored = await ok(bare, 'key', 'restore', join(bare.base, 'b'), ...passphrase(bare));
    expect(restored.stdout).toMatch(/^the key ring of production is restored from the recovery backup: 1 key, generation \d+\n/);
    expect(readdirSync(bare.directory).toSorted()).toEqual(['.lockfast', 'lockfast.toml']);
    bare.write('.env.encrypted', at.read('.env.encrypted'), 0o400);
    expect(await plaintextOf(bare)).toBe(PLAINTEXT);
    expect(ring(bare).sources).toHaveLength(1);
  });

  test('[W8] in a clone whose root key is gone: the key takes its old place, and the ring that was there is kept', async () => {
    const { at, backup } = await withBackup();
    const old = at.text('.lockfast/keyring.json');
    const key = at.rootKey;
    loseMachine(at);
    expect(await refusal(at, 'key', 'restore', backup, ...passphrase(at))).toEqual(['ring-exists', 5]);
    expect(at.text('.lockfast/keyring.json')).toBe(old);
    await ok(at, 'key', 'restore', backup, '--force', ...passphrase(at));
    expect(existsSync(key)).toBe(true);
    expect(await plaintextOf(at)).toBe(PLAINTEXT);
    const kept = readdirSync(at.path('.lockfast')).find((name) => name.startsWith('keyring.json.replaced-'));
    expect(at.text(`.lockfast/${kept}`)).toBe(old);
    expect(ledgerOf(at)).toEqual(expect.arrayContaining(['key-backup', 'key-restore']));
  });

  test('[W8] an older backup does not take the place of a ring with newer keys before that is said twice', async () => {
    const { at, backup } = await withBackup();
    const { id } = JSON.parse((await ok(at, 'key', 'create', '--json')).stdout) as { id: string };
    const before = at.text('.lockfast/keyring.json');
    const files = readdirSync(at.path('.lockfast'));
    const refused = await at.run(['key', 'restore', backup, '--force', ...passphrase(at)]);
    expect([refused.status, refused.stderr]).toEqual([5, expect.stringContaining(`has a key that would be lost: ${id}; it was left alone: take a newer backup`)]);
    expect([at.text('.lockfast/keyring.json'), readdirSync(at.path('.lockfast'))]).toEqual([before, files]);
    // Without --force the ring is in nobody's way to begin with.
    expect(await refusal(at, 'key', 'restore', backup, '--drop-keys', ...passphrase(at))).toEqual(['ring-exists', 5]);
    await ok(at, 'key', 'restore', backup, '--force', '--drop-keys', ...passphrase(at));
    expect(ring(at).keys).toHaveLength(1);
    const kept = readdirSync(at.path('.lockfast')).find((name) => name.startsWith('keyring.json.replaced-'));
    expect(at.text(`.lockfast/${kept}`)).toBe(before);
  });

  test('[W8] a root key that is still there is used as it is: only the ring was lost', async () => {
    const { at, backup } = await withBackup();
    const key = readFileSync(at.rootKey);
    unlinkSync(at.path('.lockfast/keyring.json'));
    await ok(at, 'key', 'restore', backup, ...passphrase(at));
    expect(readFileSync(at.rootKey)).toEqual(key);
    expect(await plaintextOf(at)).toBe(PLAINTEXT);
  });

  test('[W8] of an older ring is issued above the highest generation known here, and that is noted', async () => {
    const { at, backup } = await withBackup();
    for (const _ of [1, 2, 3]) await ok(at, 'key', 'source', 'add', `passphrase:${join(at.base, 'passphrase')}`).then(() => ok(at, 'key', 'source', 'remove', `passphrase:${join(at.base, 'passphrase')}`));
    const newest = ring(at).generation;
    await ok(at, 'key', 'restore', backup, '--force', ...passphrase(at));
    expect(ring(at).generation).toBeGreaterThan(newest);
    const floor = readdirSync(join(at.state, 'rings')).map((name) => readFileSync(join(at.state, 'rings', name), 'utf8')).join('');
    expect(JSON.parse(floor)).toMatchObject({ generation: ring(at).generation, accepted: [{ above: newest, reason: 'restored from a recovery backup' }] });
    expect(await plaintextOf(at)).toBe(PLAINTEXT);
  });

  test('[W8] the drill opens every configured file and writes nothing', async () => {
    const { at, backup } = await withBackup();
    const before = at.tree();
    const { stdout } = await ok(at, 'key', 'restore', backup, '--drill', ...passphrase(at));
    expect(stdout).toContain('1 of 1 encrypted file open with it\nnothing was written\n');
    const ledger = (name: string): boolean => name.includes('ledger');
    const without = (tree: ReturnType<Project['tree']>): [string, string][] => Object.entries(tree).filter(([name]) => !ledger(name));
    expect(without(at.tree())).toEqual(without(before));
    expect(ledgerOf(at)).toContain('key-restore-drill');
  });

  test('[W8] the drill names the key that the backup lacks, and the file that does not open', async () => {
    const { at, backup } = await withBackup();
    const { id } = JSON.parse((await ok(at, 'key', 'create', '--json')).stdout) as { id: string };
    mkdirSync(at.path('api'));
    at.write('api/.env.encrypted', at.text('.env.encrypted').replace('A=lfv1', 'A=lfv2'), 0o400);
    const { status, stdout } = await at.run(['key', 'restore', backup, '--drill', '--json', ...passphrase(at)]);
    expect(status).toBe(1);
    expect(JSON.parse(stdout)).toMatchObject({
      ok: false,
      lacking: [id],
      files: [{ file: at.path('.env.encrypted') }, { file: at.path('api/.env.encrypted'), problem: { code: 'damaged' } }],
    });
  });

  test('[W8] wrong passphrase, a ring in its place, another environment, no file', async () => {
    const { at, backup } = await withBackup();
    at.write('../wrong', 'battery staple\n', 0o400);
    const before = at.tree();
    expect(await refusal(at, 'key', 'restore', backup, '--drill', '--passphrase-file', join(at.base, 'wrong'))).toEqual(['wrong-key', 3]);
    expect(await refusal(at, 'key', 'restore', at.path('.lockfast/keyring.json'), '--drill', ...passphrase(at))).toEqual(['ring-malformed', 4]);
    expect(await refusal(at, 'key', 'restore', join(at.base, 'none'), '--drill', ...passphrase(at))).toEqual(['not-found', 1]);
    expect(await refusal(at, 'key', 'restore', '--drill')).toEqual(['usage', 2]);
    expect(at.tree()).toEqual(before);
    at.write('lockfast.toml', at.text('lockfast.toml').replace('"production"', '"staging"'), 0o644);
    expect(await refusal(at, 'key', 'restore', backup, '--force', ...passphrase(at))).toEqual(['wrong-environment', 3]);
  });

  test('[W8] cut at any length, or altered anywhere, it gives nothing and nothing is written', { timeout: 120_000 }, async () => {
    const { at, backup } = await withBackup();
    const whole = readFileSync(backup);
    const bad = join(at.base, 'bad.backup');
    const lengths = Array.from({ length: 24 }, (_, i) => Math.floor((i * (whole.length - 2)) / 23));
    const altered = Array.from({ length: 12 }, (_, i) => Math.floor(((i + 0.5) * whole.length) / 12));
    for (const [what, bytes] of [
      ...lengths.map((length) => [`cut at ${length}`, whole.subarray(0, length)] as const),
      ...altered.map((place) => [`altered at ${place}`, Buffer.from(whole).fill(whole[place]! ^ 1, place, place + 1)] as const),
    ]) {
      writeFileSync(bad, bytes);
      const before = at.tree();
      const [code, status] = await refusal(at, 'key', 'restore', bad, '--force', ...passphrase(at));
      expect(['ring-malformed', 'ring-tampered', 'unsupported-format', 'malformed', 'moved-or-altered', 'wrong-key', 'parameters-out-of-range', 'wrong-environment'], what).toContain(code);
      expect([3, 4], what).toContain(status);
      const after = Object.entries(at.tree()).filter(([name]) => !name.includes('ledger'));
      expect(after, what).toEqual(Object.entries(before).filter(([name]) => !name.includes('ledger')));
    }
  });

  test('[W8] key backup replaces nothing without --force, warns in a git work tree, and asks twice on a terminal', async () => {
    const { at, backup } = await withBackup();
    const first = readFileSync(backup);
    expect(await refusal(at, 'key', 'backup', backup, ...passphrase(at))).toEqual(['exists', 5]);
    expect(readFileSync(backup)).toEqual(first);
    await ok(at, 'key', 'backup', backup, '--force', ...passphrase(at));
    expect(readFileSync(backup)).not.toEqual(first);
    mkdirSync(at.path('.git/refs'), { recursive: true });
    mkdirSync(at.path('.git/objects'));
    writeFileSync(at.path('.git/HEAD'), 'ref: refs/heads/main\n');
    expect((await ok(at, 'key', 'backup', 'inside.backup', ...passphrase(at))).stderr).toContain('lies in a git work tree');
    expect(await refusal(at, 'key', 'backup', join(at.base, 'y'), '--kdf', 'md5', ...passphrase(at))).toEqual(['usage', 2]);

    const terminal = inTerminal(at, 'key', 'backup', join(at.base, 'typed.backup'));
    await terminal.until('Passphrase for the recovery backup: ');
    terminal.type('typed secret\n');
    await terminal.until('again: ');
    terminal.type('typed secret\n');
    const { status, shown } = await terminal.end();
    expect([status, shown.includes('typed')]).toEqual([0, shown.includes('typed.backup')]);
    const drill = inTerminal(at, 'key', 'restore', join(at.base, 'typed.backup'), '--drill');
    await drill.until('Passphrase for the recovery backup: ');
    drill.type('typed secret\n');
    expect((await drill.end()).status).toBe(0);
  });

  test('[W8] a backup of a later format is said to be one', async () => {
    const { at } = await withBackup();
    expect(await refusal(at, 'key', 'restore', at.write('old', '{"format":"lockfast-backup/9"}'), '--drill', ...passphrase(at))).toEqual(['unsupported-format', 4]);
  });

  test.skipIf(noMounting !== undefined)(`[W8] on a full disk: no backup, no part of one, and the ring does not speak of it (${noMounting ?? 'mounted'})`, async () => {
    const at = await project();
    const disk = join(at.base, 'disk');
    mkdirSync(disk);
    smallDisk(disk);
    writeFileSync(join(disk, 'filler'), Buffer.alloc(64 * 1024 - 4096));
    try {
      writeFileSync(join(disk, 'more'), Buffer.alloc(4096));
    } catch {
      // It is full now.
    }
    const before = at.text('.lockfast/keyring.json');
    expect(await refusal(at, 'key', 'backup', join(disk, 'b'), ...passphrase(at))).toEqual(['write-failed', 1]);
    expect(at.text('.lockfast/keyring.json')).toBe(before);
    expect(readdirSync(disk).filter((name) => name !== 'filler' && name !== 'more')).toEqual([]);
    expect(await refusal(at, 'key', 'split', '--shares', '3', '--threshold', '2', '--out', join(disk, 'shares'))).toEqual(['write-failed', 1]);
    expect(at.text('.lockfast/keyring.json')).toBe(before);
  });
});

describe('shares', () => {
  async function split(count: number, threshold: number): Promise<{ at: Project; files: string[]; source: string }> {
    const at = await project();
    const { stdout } = await ok(at, 'key', 'split', '--shares', String(count), '--threshold', String(threshold), '--out', join(at.base, 'shares'), '--json');
    return { at, ...(JSON.parse(stdout) as { files: string[]; source: string }) };
  }

  test('[B12] any 3 of 5 give the ring a new root key, and the sources that it has stay', async () => {
    const { at, files } = await split(5, 3);
    loseMachine(at);
    const some = copyOf(at);
    const paths = files.map((file) => file.replace(at.base, some.base));
    for (const file of files) {
      mkdirSync(dirname(file.replace(at.base, some.base)), { recursive: true });
      copyFileSync(file, file.replace(at.base, some.base));
    }
    const key = join(some.base, 'new.key');
    const { stdout } = await ok(some, 'key', 'combine', paths[4]!, paths[0]!, paths[2]!, '--new-key-out', key);
    expect(stdout).toMatch(/^was opened by {2}file:.*, shares:[a-z2-7]{8}\nis opened by {3}file:.*, shares:[a-z2-7]{8}, file:.*new\.key\nNext, wherever the ring is opened:\n/);
    expect((await some.run(['env', 'decrypt', '--out', '-'], { env: { LOCKFAST_KEY_SOURCE: `file:${key}` } })).stdout).toBe(PLAINTEXT);
    // And again, with others.
    await ok(some, 'key', 'combine', paths[1]!, paths[2]!, paths[3]!, '--replace', '--new-key-out', join(some.base, 'second.key'));
    expect(ring(some).sources.map(({ source }) => source)).toEqual([`file:${join(some.base, 'second.key')}`]);
    expect(await refusal(some, 'key', 'restore', '--shares', paths[1]!, paths[2]!, paths[3]!)).toEqual(['wrong-key', 3]);
  });

  test('[B12] key restore --shares with the ring from git, on a machine that has nothing', async () => {
    const { at, files } = await split(3, 2);
    loseMachine(at);
    await ok(at, 'key', 'restore', '--shares', files[0]!, files[2]!);
    expect(await plaintextOf(at)).toBe(PLAINTEXT);

    const bare = emptyProject();
    copyFileSync(at.path('.lockfast/keyring.json'), join(bare.base, 'ring-from-git'));
    expect(await refusal(bare, 'key', 'restore', '--shares', files[0]!, files[2]!, '--ring', join(bare.base, 'ring-from-git'))).toEqual(['wrong-key', 3]);
    expect(readdirSync(bare.directory)).toEqual([]);
  });

  test('[B12] too few, twice the same, of another set, altered, no share at all: refused, and nothing is written', async () => {
    const { at, files } = await split(5, 3);
    const other = await ok(at, 'key', 'split', '--shares', '3', '--threshold', '2', '--out', join(at.base, 'other'), '--json');
    const stranger = (JSON.parse(other.stdout) as { files: string[] }).files[0]!;
    const text = readFileSync(files[2]!, 'latin1').trim();
    const altered = at.write('../altered.share', text.replace(/.(?=.{8}$)/, (letter) => (letter === 'A' ? 'B' : 'A')));
    const cut = at.write('../cut.share', text.slice(0, -5));
    const before = at.text('.lockfast/keyring.json');
    const keys = readdirSync(dirname(at.rootKey));
    for (const some of [files.slice(0, 2), [files[0]!, files[1]!, files[1]!], [files[0]!, files[1]!, stranger], [files[0]!, files[1]!, altered], [files[0]!, files[1]!, cut], [at.write('../empty', '')], [at.path('lockfast.toml')]]) {
      const { status, stderr } = await at.run(['key', 'combine', ...some]);
      expect([some.length, status]).toEqual([some.length, 4]);
      expect(stderr).not.toContain(text.slice(20, 40));
      expect((await at.run(['key', 'restore', '--shares', ...some])).status).toBe(4);
    }
    expect(at.text('.lockfast/keyring.json')).toBe(before);
    expect(readdirSync(dirname(at.rootKey))).toEqual(keys);
  });

  test('[B12] key split: impossible numbers, no terminal, a directory that can not be', async () => {
    const at = await project();
    const before = at.text('.lockfast/keyring.json');
    for (const [count, threshold] of [['3', '1'], ['2', '3'], ['256', '2'], ['0', '0'], ['x', '2'], ['1', '1']]) {
      expect(await refusal(at, 'key', 'split', '--shares', count!, '--threshold', threshold!, '--out', join(at.base, 's'))).toEqual(['usage', 2]);
    }
    expect(await refusal(at, 'key', 'split', '--shares', '3', '--threshold', '2')).toEqual(['terminal-needed', 2]);
    expect((await at.run(['key', 'split', '--shares', '3', '--threshold', '2', '--out', at.path('lockfast.toml')])).status).toBe(1);
    expect(at.text('.lockfast/keyring.json')).toBe(before);
  });

  test('[B12] on a terminal the shares are shown one at a time, and typed in to put them together', async () => {
    const at = await project();
    const terminal = inTerminal(at, 'key', 'split', '--shares', '3', '--threshold', '2');
    const texts: string[] = [];
    for (let i = 1; i <= 3; i++) {
      await terminal.until(`Share ${i} of 3 comes next`);
      terminal.type('\n');
      await terminal.until('Any 2 of them open the key ring');
      terminal.type('\n');
    }
    const { status, shown } = await terminal.end();
    expect(status).toBe(0);
    texts.push(...shown.match(/lockfast-share-1\.[A-Za-z0-9_-]+/g)!);
    expect(texts).toHaveLength(3);
    for (const name of readdirSync(at.base, { recursive: true, encoding: 'utf8' })) {
      if (/\.(json|toml|db|db-wal|share)$/.test(name)) expect(readFileSync(join(at.base, name)).includes(texts[0]!.slice(20, 50)), name).toBe(false);
    }
    loseMachine(at);
    const combining = inTerminal(at, 'key', 'restore', '--shares');
    await combining.until('Share 1: ');
    combining.type('lockfast-share-1.wrong\n');
    await combining.until('Share 1, again: ');
    combining.type(`${texts[2]}\n`);
    await combining.until('Share 2 of 2: ');
    combining.type(`${texts[0]}\n`);
    const combined = await combining.end();
    expect([combined.status, combined.shown.includes(texts[2]!)]).toEqual([0, false]);
    expect(await plaintextOf(at)).toBe(PLAINTEXT);
  });

  test('[B12] Ctrl-C between two shares: the ring knows nothing of them', async () => {
    const at = await project();
    const before = at.text('.lockfast/keyring.json');
    const terminal = inTerminal(at, 'key', 'split', '--shares', '3', '--threshold', '2');
    await terminal.until('Share 1 of 3 comes next');
    terminal.type('\n');
    await terminal.until('Enter when it is written down');
    terminal.type('\u0003');
    expect((await terminal.end()).status).toBe(2);
    expect(at.text('.lockfast/keyring.json')).toBe(before);
  });
});

describe('key rewrap', () => {
  test('[E18] a new root key beside the old one, then alone; no encrypted file changes', async () => {
    const at = await project();
    const file = at.read('.env.encrypted');
    const old = at.rootKey;
    const key = join(at.base, 'new.key');
    const { stdout } = await ok(at, 'key', 'rewrap', '--new-key-out', key);
    expect(stdout).toContain(`systemd-creds encrypt --name=lockfast ${key} `);
    expect(stdout).toContain('kubectl create secret generic');
    expect(stdout).toContain('docker compose up');
    expect(await plaintextOf(at)).toBe(PLAINTEXT);
    expect(await refusal(at, 'key', 'rewrap', '--new-key-out', key)).toEqual(['exists', 5]);
    at.write('lockfast.toml', at.text('lockfast.toml').replace(/^key-source = "[^"]*"/m, `key-source = "file:${key}"`), 0o644);
    await ok(at, 'key', 'rewrap', '--to', `file:${key}`, '--replace');
    expect(ring(at).sources.map(({ source }) => source)).toEqual([`file:${key}`]);
    expect(await plaintextOf(at)).toBe(PLAINTEXT);
    expect((await at.run(['env', 'verify'], { env: { LOCKFAST_KEY_SOURCE: `file:${old}` } })).status).toBe(3);
    expect(at.read('.env.encrypted')).toEqual(file);
    // The ledger's signing key went with it.
    await ok(at, 'key', 'create');
  });

  test('[E18] a source that is not there, or no source, changes nothing and goes on no record', async () => {
    const at = await project();
    const before = at.text('.lockfast/keyring.json');
    expect((await at.run(['key', 'rewrap', '--to', `file:${join(at.base, 'none')}`])).status).toBe(3);
    const pasted = (await at.run(['key', 'generate', '--format', 'root'])).stdout.trim();
    expect((await at.run(['key', 'rewrap', '--to', pasted])).status).toBe(2);
    expect((await at.run(['key', 'rewrap', '--to', 'env:X', '--new-key-out', 'y'])).status).toBe(2);
    expect(at.text('.lockfast/keyring.json')).toBe(before);
    for (const name of readdirSync(at.path('.lockfast'))) expect(at.read(`.lockfast/${name}`).includes(pasted), name).toBe(false);
  });
});

describe('what is lost', () => {
  test('[W9] doctor with no key and no backup lists by tenant and name what must be entered again', async () => {
    const at = await project();
    at.write('lockfast.toml', `${at.text('lockfast.toml')}\n[tenants]\npath = "${at.base}/tenants/{tenant}"\n`, 0o644);
    for (const tenant of ['acme', 'zeta']) {
      mkdirSync(join(at.base, 'tenants', tenant), { recursive: true });
      writeFileSync(join(at.base, 'tenants', tenant, '.env'), `KEY_OF_${tenant.toUpperCase()}=1\nPORT=2\nPORT=3\n`);
      await ok(at, 'env', 'encrypt', join(at.base, 'tenants', tenant, '.env'));
    }
    expect(JSON.parse((await at.run(['doctor', '--json'])).stdout)).toMatchObject({ lost: [] });
    const damaged = join(at.base, 'tenants/zeta/.env.encrypted');
    loseMachine(at);
    const { stdout, status } = await at.run(['doctor', '--json']);
    expect(status).toBe(1);
    const { lost } = JSON.parse(stdout) as { lost: object[] };
    expect(lost).toMatchObject([
      { file: at.path('.env.encrypted'), tenant: '', variables: ['A', 'B'] },
      { file: join(at.base, 'tenants/acme/.env.encrypted'), tenant: 'acme', variables: ['KEY_OF_ACME', 'PORT'] },
      { file: damaged, tenant: 'zeta', variables: ['KEY_OF_ZETA', 'PORT'] },
    ]);
    chmodSync(damaged, 0o600);
    writeFileSync(damaged, readFileSync(damaged).subarray(0, -3));
    const text = (await at.run(['doctor'])).stdout;
    expect(text).toContain('\nTo be entered again:\n\nTENANT  VARIABLE     FILE\n');
    expect(text).toMatch(/^acme +KEY_OF_ACME +/m);
    expect(text).toMatch(/^zeta +\? +.*its names can not be read/m);
  });

  test('[W9] with a backup it names that first; with the keys at hand only what is under a key that is gone', async () => {
    const { at } = await withBackup();
    const saved = readFileSync(at.rootKey);
    const key = at.rootKey;
    rmSync(key);
    expect((await at.run(['doctor'])).stdout).toMatch(/restore the recovery backup of \d{4}-\d\d-\d\d: lockfast key restore FILE\n/);
    writeFileSync(key, saved, { mode: 0o400 });

    const other = await encryptedProject('OTHERS=1\n');
    mkdirSync(at.path('other'));
    at.write('other/.env.encrypted', other.read('.env.encrypted'), 0o400);
    expect(JSON.parse((await at.run(['doctor', '--json'])).stdout)).toMatchObject({ lost: [{ file: at.path('other/.env.encrypted'), variables: ['OTHERS'] }] });
  });
});

describe('backups of rotations', () => {
  function rotation(at: Project, id: string, started: string, manifest: object = {}): string {
    const directory = at.path(`.lockfast/backups/${id}`);
    mkdirSync(join(directory, 'files/sub'), { recursive: true });
    writeFileSync(join(directory, 'files/1'), 'one');
    writeFileSync(join(directory, 'files/sub/2'), 'second');
    const files = [{ path: at.path('.env.encrypted'), backup: 'files/1' }, { path: at.path('b'), backup: 'files/sub/2' }];
    writeFileSync(join(directory, 'manifest.json'), JSON.stringify({ format: 'lockfast-rotation-backup/1', rotation: id, started, environment: 'production', fromKey: 'kaaaaa', toKey: 'kbbbbb', files, ...manifest }));
    return directory;
  }

  const OLD = '2020-01-02T03:04:05.678Z';
  const now = (): string => new Date().toISOString();

  test('[E17] prune removes whole old rotations alone, and the dry run nothing', async () => {
    const at = await project();
    const old = rotation(at, 'r-old', OLD);
    const young = rotation(at, 'r-new', now());
    expect(JSON.parse((await ok(at, 'backup', 'list', '--json')).stdout)).toMatchObject({ backups: [{ rotation: 'r-old', files: 2, bytes: 9, missing: 0 }, { rotation: 'r-new' }], others: [] });
    const before = at.tree();
    expect((await ok(at, 'backup', 'prune', '--older-than', '30d', '--dry-run')).stdout).toBe('r-old: of 2020-01-02, 2 files, would be removed\n1 backup would be removed, 1 kept\n');
    expect(at.tree()).toEqual(before);
    expect((await ok(at, 'backup', 'prune')).stdout).toBe('r-old: of 2020-01-02, 2 files, removed\n1 backup removed, 1 kept\n');
    expect([existsSync(old), existsSync(young)]).toEqual([false, true]);
    expect(readFileSync(at.path('.lockfast/ledger.db'), 'latin1') + (existsSync(at.path('.lockfast/ledger.db-wal')) ? readFileSync(at.path('.lockfast/ledger.db-wal'), 'latin1') : '')).toContain('backup-prune');
    expect((await ok(at, 'backup', 'prune')).stdout).toBe('no backup is older than 30d; 1 kept\n');
  });

  test('[E17] prune leaves whatever is not wholly what a manifest says, and says so', async () => {
    const at = await project();
    const victim = at.write('../victim', 'keep me');
    const strangers = [
      rotation(at, 'r-other', OLD, { rotation: 'r-else' }),
      rotation(at, 'r-format', OLD, { format: 'lockfast-rotation-backup/2' }),
      rotation(at, 'r-time', 'yesterday'),
      rotation(at, 'r-outside', OLD, { files: [{ path: 'x', backup: '../../../../victim' }] }),
      rotation(at, 'r-absolute', OLD, { files: [{ path: 'x', backup: victim }] }),
      rotation(at, 'r-more', OLD),
      rotation(at, 'r-link', OLD),
      rotation(at, 'r-nothing', OLD),
      rotation(at, 'r-linked-files', OLD),
    ];
    writeFileSync(join(strangers[5]!, 'files/notes.txt'), 'mine');
    symlinkSync(victim, join(strangers[6]!, 'files/3'));
    rmSync(join(strangers[7]!, 'manifest.json'));
    renameSync(join(strangers[8]!, 'files'), at.path('elsewhere'));
    symlinkSync(at.path('elsewhere'), join(strangers[8]!, 'files'));
    const whole = rotation(at, 'r-whole', OLD);
    symlinkSync(whole, at.path('.lockfast/backups/r-symlink'));
    writeFileSync(at.path('.lockfast/backups/README'), 'mine');
    const before = at.tree();
    const { stderr } = await ok(at, 'backup', 'prune', '--older-than', '1m', '--dry-run');
    expect(stderr.match(/was left alone/g)).toHaveLength(11);
    expect(at.tree()).toEqual(before);
    await ok(at, 'backup', 'prune', '--older-than', '1m');
    expect(existsSync(whole)).toBe(false);
    for (const directory of strangers) expect(existsSync(directory), directory).toBe(true);
    expect([readFileSync(victim, 'utf8'), readdirSync(at.path('elsewhere')).toSorted()]).toEqual(['keep me', ['1', 'sub']]);
    expect((await refusal(at, 'backup', 'prune', '--older-than', 'soon'))).toEqual(['usage', 2]);
  });

  test('[E17] the removal of one that was killed half way is finished by the next', async () => {
    const at = await project();
    const directory = rotation(at, 'r-half', OLD);
    rmSync(join(directory, 'files/1'));
    expect((await ok(at, 'backup', 'list')).stdout).toContain('1 of 2');
    await ok(at, 'backup', 'prune');
    expect(readdirSync(at.path('.lockfast/backups'))).toEqual([]);
  });

  test('[E17] a backups directory that is a link, or none', async () => {
    const at = await project();
    expect((await ok(at, 'backup', 'list')).stdout).toBe(`No backups in ${at.path('.lockfast/backups')}.\n`);
    symlinkSync(at.home, at.path('.lockfast/backups'));
    expect(await refusal(at, 'backup', 'prune')).toEqual(['not-a-file', 1]);
  });
});

/** Killed, or refused by the disk, at a sample of their file-changing calls. */
describe.skipIf(noTracing !== undefined)(`struck at file-changing calls (${noTracing ?? 'traced'})`, () => {
  /** Of each fault, at each command. */
  const SAMPLE = deep ? Infinity : 1;

  const stories: { title: string; args: (at: Project) => string[]; before: () => Promise<Project>; again: string }[] = [
    { title: 'key backup', args: (at) => ['key', 'backup', join(at.base, 'new.backup'), ...passphrase(at)], before: project, again: 'exists already' },
    { title: 'key rewrap', args: () => ['key', 'rewrap', '--replace', '--yes', '--to', 'env:SECOND'], before: project, again: 'holds shares of sets that this key ring does not know' },
    { title: 'key split', args: (at) => ['key', 'split', '--shares', '3', '--threshold', '2', '--out', join(at.base, 'shares')], before: project, again: 'holds shares of sets that this key ring does not know' },
    {
      title: 'key restore',
      args: (at) => ['key', 'restore', join(at.base, 'shop.backup'), '--force', ...passphrase(at)],
      before: async () => {
        const { at } = await withBackup();
        rmSync(join(at.home, '.config'), { recursive: true });
        return at;
      },
      again: 'never',
    },
  ];

  test.for(stories)('[E18] $title: the file opens with the old key or the new one, and running it again finishes', { timeout: 240_000 }, async ({ title, args, before, again }) => {
    const start = await before();
    const second = (await start.run(['key', 'generate', '--format', 'root'])).stdout.trim();
    const attempt = (): Trial & { at: Project } => {
      const at = copyOf(start);
      for (const name of ['passphrase', 'shop.backup']) if (existsSync(join(start.base, name))) copyFileSync(join(start.base, name), join(at.base, name));
      return { at, command: process.execPath, args: [LOCKFAST, ...args(at)], cwd: at.directory, env: { ...at.env, SECOND: second }, paths: [at.base] };
    };
    const first = attempt();
    const { calls, status, stderr } = await traceFileCalls(first.command, first.args, first);
    expect([status, stderr]).toEqual([0, '']);
    // Locks hold nothing.
    const all = calls.filter(({ text }) => !text.includes('/lockfast/locks')).flatMap((call) => FAULTS.map((fault) => ({ call, fault })));
    for (const { call, fault } of sampledOfEach(all, (one) => one.fault, SAMPLE)) {
      const name = `${title}, seed ${seed}: ${fault} at ${call.text}`;
      const run = await strike(attempt, call, fault);
      const { at } = run.trial;
      expect(run.stderr, name).not.toContain('defect');
      const opens = async (): Promise<boolean> => {
        for (const env of [{}, { LOCKFAST_KEY_SOURCE: 'env:SECOND', SECOND: second }]) if ((await at.run(['env', 'decrypt', '--out', '-'], { env })).stdout === PLAINTEXT) return true;
        return false;
      };
      if (title !== 'key restore') expect(await opens(), name).toBe(true);
      const rewrapped = ring(at).sources.some(({ source }) => source === 'env:SECOND');
      const outcome = await at.run(args(at), { env: { SECOND: second, ...(rewrapped ? { LOCKFAST_KEY_SOURCE: 'env:SECOND' } : {}) } });
      expect(outcome.stderr, name).toMatch(new RegExp(`^(lockfast: .*${again}.*\\n)?$`));
      expect(await opens(), name).toBe(true);
      expect(readdirSync(at.base, { recursive: true, encoding: 'utf8' }).filter((path) => path.endsWith('.tmp') && !path.includes('.config')), name).toEqual([]);
      at[Symbol.dispose]();
    }
  });
});
