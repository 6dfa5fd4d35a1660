/**
 * Whatever is wrong with what the command is given: one line that says so, the right exit status, nothing changed, and no
 * secret shown. Truncated files and altered bytes are tried one and all.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { chmodSync, chownSync, closeSync, copyFileSync, mkdirSync, openSync, readdirSync, readFileSync, renameSync, rmSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { userInfo } from 'node:os';
import { join } from 'node:path';

import { describe, expect, test } from 'vitest';

import { missingForMounting, smallDisk } from './support/disk.ts';
import { type Around, emptyProject, encryptedProject, initialisedProject, isRoot, LOCKFAST, type Outcome, type Project } from './support/project.ts';
import { withChecksum, withHeader, withLines } from './support/tampering.ts';

const CANARY = 'canary-0b61f0c2e4';
const ENV = `# first ${CANARY}\nA=${CANARY}-1\nexport B=${CANARY}-2\nC=${CANARY}-3\n`;
/** With nothing to warn of. */
const PLAIN = ENV.replace('export ', '');
const FILE = '.env.encrypted';

/** Runs a command that must be refused, and checks that it said that alone and left everything as it was. */
async function refused(project: Project, args: readonly string[], status: number, message: string, around: Around = {}): Promise<void> {
  const before = project.tree();
  const outcome = await project.run(args, around);
  const said = `lockfast: ${message.replaceAll('BASE', project.base)}\n`;
  expect({ ...outcome, args }).toEqual({ status, signal: null, stdout: '', stderr: said, args });
  expect(outcome.stderr).not.toContain(CANARY);
  expect(project.tree(), 'nothing changed').toEqual(before);
}

const ring = (project: Project): string => project.path('.lockfast/keyring.json');
const rewrite = (path: string, change: (text: string) => string): void => {
  const text = readFileSync(path, 'utf8');
  const changed = change(text);
  expect(changed).not.toBe(text);
  chmodSync(path, 0o600);
  writeFileSync(path, changed);
};

/** A ledger in a directory of its own, where every user may write. */
function ledgerOf(project: Project, name: string): string {
  const directory = join(project.base, name);
  mkdirSync(directory);
  chmodSync(directory, 0o777);
  return `sqlite:${join(directory, 'ledger.db')}`;
}

describe('[E4] the key ring', () => {
  const WRONG: [string, (project: Project) => void, number, string][] = [
    ['is missing', (p) => rmSync(ring(p)), 3, 'there is no key ring at BASE/project/.lockfast/keyring.json: get it from git or a backup; `lockfast init` makes a new one, which opens nothing that exists'],
    ['is of a newer format', (p) => rewrite(ring(p), (text) => text.replace('lockfast-keyring/2', 'lockfast-keyring/5')), 4, 'BASE/project/.lockfast/keyring.json has a format that this Lockfast does not know: upgrade Lockfast on this machine'],
    ['is another file', (p) => rewrite(ring(p), () => '{"format":"npm"}'), 4, 'BASE/project/.lockfast/keyring.json is no key ring: restore it from a backup or from git'],
    ['is cut', (p) => rewrite(ring(p), (text) => text.slice(0, 300)), 4, 'BASE/project/.lockfast/keyring.json is not JSON, or names a member twice: restore it from a backup or from git'],
    ['is empty', (p) => rewrite(ring(p), () => ''), 4, 'BASE/project/.lockfast/keyring.json is not JSON, or names a member twice: restore it from a backup or from git'],
    ['names a member twice', (p) => rewrite(ring(p), (text) => text.replace('{', '{"environment":"staging",')), 4, 'BASE/project/.lockfast/keyring.json is not JSON, or names a member twice: restore it from a backup or from git'],
    ['has a member more', (p) => rewrite(ring(p), (text) => text.replace('{', '{"note":"x",')), 4, 'BASE/project/.lockfast/keyring.json lacks a member, or one is not what it must be: restore it from a backup or from git'],
    ['was altered', (p) => rewrite(ring(p), (text) => text.replace('"active"', '"draining"')), 4, 'BASE/project/.lockfast/keyring.json was altered after it was written: restore it from a backup or from git'],
    ['has a higher generation than it was written with', (p) => rewrite(ring(p), (text) => text.replace('"generation": 1', '"generation": 2')), 4, 'BASE/project/.lockfast/keyring.json was altered after it was written: restore it from a backup or from git'],
    ['is a directory', (p) => (rmSync(ring(p)), mkdirSync(ring(p))), 1, 'BASE/project/.lockfast/keyring.json is a directory: name a file in it'],
    ['is a FIFO', (p) => (rmSync(ring(p)), execFileSync('mkfifo', [ring(p)])), 1, 'BASE/project/.lockfast/keyring.json is a FIFO (a pipe): name a regular file: a pipe can not be checked, replaced or read twice'],
  ];
  test.each(WRONG)('%s', async (_, spoil, status, message) => {
    const project = await encryptedProject(ENV);
    spoil(project);
    for (const args of [['env', 'get', 'A'], ['run', '--', 'echo', 'started']]) await refused(project, args, status, message);
  });

  test('is an older one that was put back: refused, until it is accepted on purpose', async () => {
    const project = await encryptedProject(ENV);
    copyFileSync(ring(project), project.path('older'));
    expect((await project.run(['key', 'create'])).status).toBe(0);
    renameSync(project.path('older'), ring(project));
    const message = 'the key ring is of generation 1, but this machine has seen generation 2: take the newer key ring, in git from the branch that has it; to go on with this one on purpose: lockfast key accept-older --above 2 --reason WHY';
    for (const args of [['env', 'verify'], ['env', 'decrypt'], ['run', '--', 'echo'], ['key', 'create']]) await refused(project, args, 4, message);
    expect(await project.run(['key', 'accept-older', '--above', '2', '--reason', 'the disk was lost'])).toMatchObject({ status: 0, stderr: '' });
    expect((await project.run(['env', 'get', 'A'])).stdout).toBe(`${CANARY}-1`);
  });
});

describe('[E4] the root key', () => {
  const anotherKey = (p: Project): string => spawnSync(process.execPath, [LOCKFAST, 'key', 'generate', '--format', 'root'], { encoding: 'utf8', env: p.env }).stdout;
  const replace = (p: Project, text: string, mode = 0o400): void => {
    const path = p.rootKey;
    rmSync(path);
    writeFileSync(path, text, { mode });
    chmodSync(path, mode);
  };
  const WRONG: [string, (project: Project) => void, number, (path: string) => string][] = [
    ['is another one', (p) => replace(p, anotherKey(p)), 3, (path) => `the root key in ${path} does not open the key ring: use the root key that it was made with: see key-source in lockfast.toml`],
    ['is not there', (p) => rmSync(p.rootKey), 3, (path) => `the root key is not to be had: ${path} was not read: it does not exist: put it there, or name another key source`],
    ['may be read by others', (p) => chmodSync(p.rootKey, 0o440), 3, (path) => `${path}: others may read the file with the root key: run: chmod 0400 ${path}`],
    ['is a directory', (p) => (((path) => (rmSync(path), mkdirSync(path)))(p.rootKey)), 3, (path) => `the root key is not to be had: ${path} is a directory: put it there, or name another key source`],
    ['is empty', (p) => replace(p, ''), 3, (path) => `${path}: the root key is not set: make one with \`lockfast key generate --format root\``],
    ['is something else', (p) => replace(p, 'c2VjcmV0'), 3, (path) => `${path}: the root key does not begin with lockfast-root-1.: use the key that \`lockfast init\` or \`lockfast key generate --format root\` made`],
    ['is cut', (p) => replace(p, readFileSync(p.rootKey, 'utf8').slice(0, 50)), 3, (path) => `${path}: the root key is not 32 bytes and a checksum in base64url: check that it was copied whole`],
    ['has one letter wrong', (p) => replace(p, readFileSync(p.rootKey, 'utf8').replace(/.(?=.{20}\n)/, (c) => (c === 'A' ? 'B' : 'A'))), 3, (path) => `${path}: the root key does not match its own checksum: check that it was copied right`],
  ];
  test.each(WRONG)('%s', async (_, spoil, status, message) => {
    const project = await encryptedProject(ENV);
    const path = project.rootKey;
    spoil(project);
    for (const args of [['env', 'list'], ['run', '--', 'echo', 'started']]) await refused(project, args, status, message(path));
  });
});

describe('[E4] an encrypted file that was changed', () => {
  const DAMAGED = `${FILE} does not match its own checksum: restore it from git or a backup`;
  const TAMPERED = `${FILE} was altered by someone without the key: find out who, and restore it from git or a backup`;
  const LAYOUT = `${FILE} has a line that is not laid out as it must be: restore it from git or a backup`;
  const HEADER = `${FILE} has a header that is not laid out as it must be: restore it from git or a backup`;
  const ITERATIONS = `${FILE}: the PBKDF2 iteration count is not between 100000 and 10000000: the file was made by other software or altered: restore it from a backup`;
  const value = (line: string): string => line.slice(line.indexOf('=') + 1);
  const CHANGES: [string, (text: string) => string, number, string][] = [
    ['two values are swapped', (text) => withLines(text, ([c, a, b, d]) => [c!, `A=${value(d!)}`, b!, `C=${value(a!)}`]), 4, TAMPERED],
    ['a variable is renamed', (text) => text.replace('\nA=', '\nZ='), 4, TAMPERED],
    ['an export is dropped', (text) => text.replace('\nexport B=', '\nB='), 4, TAMPERED],
    ['a line is removed', (text) => withLines(text, (lines) => lines.slice(0, 3)), 4, TAMPERED],
    ['all lines are removed', (text) => withLines(text, () => []), 4, TAMPERED],
    ['lines are reordered', (text) => withLines(text, ([c, a, b, d]) => [c!, d!, b!, a!]), 4, TAMPERED],
    ['a line is added', (text) => withLines(text, (lines) => [...lines, lines[1]!]), 4, TAMPERED],
    ['a plaintext line is added', (text) => withLines(text, (lines) => [...lines, 'ADMIN=1']), 4, LAYOUT],
    ['a comment is edited', (text) => withLines(text, ([, a, ...rest]) => [`#=${value(a!)}`, a!, ...rest]), 4, TAMPERED],
    ['a value ends in =', (text) => withLines(text, ([c, ...rest]) => [`${c}=`, ...rest]), 4, LAYOUT],
    ['a value is followed by a space', (text) => withLines(text, ([c, ...rest]) => [`${c} `, ...rest]), 4, LAYOUT],
    ['a blank line is added', (text) => withLines(text, (lines) => ['', ...lines]), 4, LAYOUT],
    ['lines end in CR LF', (text) => withLines(text, (lines) => lines.map((line) => `${line}\r`)), 4, LAYOUT],
    ['a tag is cut to 4 bytes', (text) => withLines(text, ([c, ...rest]) => [c!.slice(0, -16), ...rest]), 4, TAMPERED],
    ['the salt is another', (text) => withHeader(text, (header) => header.replace(/salt=./, (m) => (m === 'salt=A' ? 'salt=B' : 'salt=A'))), 3, `${FILE} was encrypted under another key: check that key ring and file belong together`],
    ['the environment is another', (text) => withHeader(text, (header) => header.replace('=production', '=staging')), 3, `${FILE} is of the environment staging, the key ring of production: use the key ring of staging; to move values, decrypt there and encrypt here`],
    ['the tenant is another', (text) => withHeader(text, (header) => header.replace('tenant=', 'tenant=alpha')), 4, `${FILE} belongs to the tenant alpha, not to no tenant: give that one with --tenant if it is the file you mean`],
    ['the revision is higher', (text) => withHeader(text, (header) => header.replace('revision=1', 'revision=2')), 4, TAMPERED],
    ['the revision is written otherwise', (text) => withHeader(text, (header) => header.replace('revision=1', 'revision=01')), 4, HEADER],
    ['the derivation is another', (text) => withHeader(text, (header) => header.replace('hkdf', 'pbkdf2-sha256:600000')), 3, `${FILE} was encrypted under another key: check that key ring and file belong together`],
    ['the PBKDF2 count is 1', (text) => withHeader(text, (header) => header.replace('hkdf', 'pbkdf2-sha256:1')), 4, ITERATIONS],
    ['the PBKDF2 count is a billion', (text) => withHeader(text, (header) => header.replace('hkdf', 'pbkdf2-sha256:1000000000')), 4, ITERATIONS],
    ['the format is newer', (text) => text.replace('#lockfast-env/1', '#lockfast-env/2'), 4, `${FILE} has a format that this Lockfast does not know: upgrade Lockfast on this machine`],
    ['the key is one that the ring lacks', (text) => withHeader(text, (header) => header.replace(/ key=\S+/, ' key=aaaaaa')), 3, `${FILE}: the key aaaaaa is not in the key ring of production: check that this is the right environment, or restore the newer key ring`],
  ];

  test.each(CHANGES)('[E1] %s', async (_, change, status, message) => {
    const project = await encryptedProject(ENV);
    const changed = change(project.text(FILE));
    expect(changed).not.toBe(project.text(FILE));
    project.write(FILE, changed);
    await refused(project, ['env', 'verify'], 4, DAMAGED);
    project.write(FILE, withChecksum(changed));
    await refused(project, ['env', 'verify'], status, message);
    await refused(project, ['run', '--', 'echo', 'started'], status, message);
  });

  test('is refused by every command, and none writes', async () => {
    const project = await encryptedProject(ENV);
    project.write(FILE, withChecksum(project.text(FILE).replace('\nA=', '\nZ=')));
    project.write('other.env', 'A=1\n');
    const commands: [string[], Around?][] = [
      [['env', 'list', '--reveal']],
      [['env', 'get', 'B']],
      [['env', 'set', 'NEW'], { input: 'x' }],
      [['env', 'unset', 'B']],
      [['env', 'decrypt']],
      [['env', 'decrypt', '--out', '-']],
      [['env', 'encrypt', 'other.env', '--out', FILE]],
      [['env', 'edit'], { env: { EDITOR: 'false' } }],
      [['env', 'diff', '--against', 'other.env']],
    ];
    for (const [args, around] of commands) await refused(project, args, 4, TAMPERED, around);
  });

  test('[E1] [S7] cut at every length, and with every single byte changed', { timeout: 60_000 }, async () => {
    const project = await encryptedProject('A=1\n');
    const whole = project.read(FILE);
    for (let length = 0; length < whole.length; length++) project.write(`cut/${String(length).padStart(4, '0')}`, whole.subarray(0, length));
    for (let at = 0; at < whole.length; at++) {
      const bytes = Buffer.from(whole);
      bytes[at] = bytes[at]! ^ (1 << (at % 8));
      project.write(`changed/${String(at).padStart(4, '0')}`, bytes);
    }
    const verify = async (directory: string): Promise<Record<string, number>> => {
      const names = Array.from({ length: whole.length }, (_, i) => `${directory}/${String(i).padStart(4, '0')}`);
      const { status, stdout } = await project.run(['env', 'verify', '--json', ...names]);
      const { ok, files } = JSON.parse(stdout) as { ok: boolean; files: { ok: boolean; error?: { code: string } }[] };
      expect([status, ok, files.length]).toEqual([4, false, whole.length]);
      return Object.fromEntries([...Map.groupBy(files, ({ error }) => error?.code ?? 'good')].map(([code, found]) => [code, found.length]));
    };
    expect(await verify('cut')).toEqual({ 'empty-file': 1, damaged: whole.length - 1 });
    expect(await verify('changed')).toEqual({ damaged: whole.length });
  });

  test('[W7] [B4] another tenant\'s file, and another environment\'s', async () => {
    const project = await encryptedProject(ENV);
    await refused(project, ['env', 'get', 'A', '--tenant', 'alpha'], 4, `${FILE} belongs to no tenant, not to the tenant alpha: leave --tenant out`);
    const staging = emptyProject();
    expect((await staging.run(['init', '--environment', 'staging'])).status).toBe(0);
    staging.write(FILE, project.read(FILE));
    const message = `${FILE} is of the environment production, the key ring of staging: use the key ring of production; to move values, decrypt there and encrypt here`;
    for (const args of [['env', 'get', 'A'], ['env', 'decrypt'], ['run', '--', 'echo']]) await refused(staging, args, 3, message);
    // Its key ring, taken along: it does not fit what the configuration says.
    copyFileSync(ring(project), ring(staging));
    copyFileSync(project.rootKey, join(staging.base, 'root.key'));
    await refused(staging, ['env', 'get', 'A'], 3, 'the key ring is of the environment production, lockfast.toml says staging: use the key ring of this environment; each one has its own keys', { env: { LOCKFAST_KEY_SOURCE: `file:${staging.base}/root.key` } });
  });
});

describe('[E5] what is to be encrypted', () => {
  const FIFO = 'is a FIFO (a pipe): name a regular file: a pipe can not be checked, replaced or read twice';
  const LINK = 'is a symbolic link: name the file that it points to';
  const SOURCES: [string, (project: Project) => void, number, string][] = [
    ['is not there', () => {}, 1, '.env was not read: it does not exist: check the path'],
    ['is a directory', (p) => mkdirSync(p.path('.env')), 1, '.env is a directory: name a file in it'],
    ['is a FIFO, which nobody writes to', (p) => execFileSync('mkfifo', [p.path('.env')]), 1, `.env ${FIFO}`],
    ['is a symbolic link', (p) => symlinkSync(p.write('real.env', ENV), p.path('.env')), 1, `.env ${LINK}`],
    ['is a symbolic link to nothing', (p) => symlinkSync('nowhere', p.path('.env')), 1, `.env ${LINK}`],
    ['is a device', (p) => symlinkSync('/dev/zero', p.path('.env')), 1, `.env ${LINK}`],
    ['is empty', (p) => p.write('.env', ''), 4, '.env is empty: there is nothing to encrypt: write the variables into it first'],
    ['has 100 MB', (p) => truncateSync(p.write('.env', 'A=1\n'), 100_000_000), 1, '.env has 100000000 bytes, at most 67108864 are read: check that it is the right file'],
    ['has a line of 17 MiB', (p) => p.write('.env', `A=${'x'.repeat(17 * 2 ** 20)}\n`), 1, 'the value is larger than 16 MiB: keep the data in an encrypted file and its key here'],
    ['is encrypted already', (p) => p.write('.env', p.read(FILE)), 1, '.env is an encrypted env file already: name the plaintext file, or decrypt this one with: lockfast env decrypt'],
    ['holds an encrypted value', (p) => p.write('.env', p.text(FILE).split('\n')[2]!), 1, 'A holds an encrypted value already: decrypt the file that it came from and take the plaintext'],
  ];
  test.each(SOURCES)('%s', async (_, prepare, status, message) => {
    const project = await encryptedProject(ENV);
    prepare(project);
    await refused(project, ['env', 'encrypt', '--out', 'new.env.encrypted'], status, message, { patience: 10_000 });
  });

  const TARGETS: [string, (project: Project) => void, number, string][] = [
    ['is a directory', (p) => mkdirSync(p.path('target')), 1, 'target is a directory: name a file in it'],
    ['is a FIFO', (p) => execFileSync('mkfifo', [p.path('target')]), 1, `target ${FIFO}`],
    ['is a symbolic link', (p) => symlinkSync(FILE, p.path('target')), 1, `target ${LINK}`],
    ['is a symbolic link to nothing', (p) => symlinkSync('nowhere', p.path('target')), 1, `target ${LINK}`],
  ];
  test.each(TARGETS)('the place of the result %s', async (_, prepare, status, message) => {
    const project = await encryptedProject(ENV);
    project.write('.env', PLAIN);
    prepare(project);
    await refused(project, ['env', 'encrypt', '--out', 'target'], status, message, { patience: 10_000 });
    await refused(project, ['env', 'encrypt', '--out', 'target', '--force'], status, message, { patience: 10_000 });
  });

  test('the place of the result is the plaintext itself, or in no directory', async () => {
    const project = await encryptedProject('A=1\n');
    project.write('.env', `A=${CANARY}\n`);
    await refused(project, ['env', 'encrypt', '--out', '.env'], 2, '.env is the plaintext file .env itself: name another file for the encrypted one');
    await refused(project, ['env', 'encrypt', '--out', 'no/such/file'], 1, 'the directory no/such can not be locked: it does not exist: check the path');
    await refused(project, ['env', 'decrypt'], 5, '.env exists already: choose another name, or replace it where the command has --force');
  });

  test('can not be read by this user', async () => {
    const project = await encryptedProject(ENV);
    project.write('.env', ENV, 0);
    chmodSync(ring(project), 0o644);
    chmodSync(project.path('.lockfast'), 0o755);
    const env = { LOCKFAST_KEY_SOURCE: 'env:ROOT', ROOT: readFileSync(project.rootKey, 'utf8'), LOCKFAST_LEDGER: ledgerOf(project, 'anybody'), XDG_STATE_HOME: join(project.base, 'anybody') };
    await project.run(['key', 'list'], { unprivileged: true, env }); // its state and ledger are there from now on
    await project.run(['env', 'verify'], { unprivileged: true, env });
    await refused(project, ['env', 'encrypt'], 1, '.env was not read: permission is denied: run it as the owner, or change the permissions', { unprivileged: true, env });
    chmodSync(project.path(FILE), 0);
    for (const args of [['env', 'verify'], ['run', '--', 'echo']]) {
      await refused(project, args, 1, `${FILE} was not read: permission is denied: run it as the owner, or change the permissions`, { unprivileged: true, env });
    }
  });

  const ODD: [string, string | Uint8Array, string][] = [
    ['a BOM', '\ufeffA=1\nB=2\n', 'line 1: begins with a byte order mark: Node and systemd take it as part of the first name'],
    ['CR LF', 'A=1\r\nB=2\r\n', 'lines: end in CR LF: a shell keeps the CR in the value'],
    ['a NUL', 'A=1\0\nB=2\n', 'file: holds a NUL byte: systemd refuses it, and no environment variable can carry it'],
    ['bytes that are not UTF-8', Buffer.from('A=\xff\xfe\nB=2\n', 'latin1'), 'file: is not UTF-8: systemd, Docker and Python refuse it, others replace characters'],
    ['no line end at its end', 'A=1\nB=2', ''],
    ['nothing but bytes', Buffer.from(Array.from({ length: 2048 }, (_, i) => (i * 7919) % 256)), 'file: is not UTF-8: systemd, Docker and Python refuse it, others replace characters'],
  ];
  test.each(ODD)('[B2] with %s comes back byte for byte, with a warning', async (_, content, warning) => {
    const project = await initialisedProject();
    project.write('.env', content);
    const { status, stderr } = await project.run(['env', 'encrypt']);
    expect(status).toBe(0);
    if (warning === '') expect(stderr).toBe('');
    else expect(stderr).toContain(`lockfast: warning: .env: ${warning}\n`);
    expect((await project.run(['env', 'decrypt'])).status).toBe(0);
    expect(project.read('.env').equals(Buffer.from(content))).toBe(true);
  });
});

describe('what is to be read', () => {
  const FILES: [string, (project: Project) => void, number, string][] = [
    ['is not there', () => {}, 1, 'x.encrypted was not read: it does not exist: check the path'],
    ['is a directory', (p) => mkdirSync(p.path('x.encrypted')), 1, 'x.encrypted is a directory: name a file in it'],
    ['is a FIFO', (p) => execFileSync('mkfifo', [p.path('x.encrypted')]), 1, 'x.encrypted is a FIFO (a pipe): name a regular file: a pipe can not be checked, replaced or read twice'],
    ['is empty', (p) => p.write('x.encrypted', ''), 4, 'x.encrypted is empty: restore it from git or a backup'],
    ['is plaintext', (p) => p.write('x.encrypted', ENV), 1, 'x.encrypted is not an encrypted env file: encrypt a plaintext file with: lockfast env encrypt; take one of another tool over with: lockfast env convert'],
    ['is a symbolic link to nothing', (p) => symlinkSync('nowhere', p.path('x.encrypted')), 1, 'x.encrypted is a symbolic link to nothing: restore the file that it points to, or remove the link'],
    ['has 100 MB', (p) => truncateSync(p.write('x.encrypted', p.read(FILE)), 100_000_000), 1, 'x.encrypted has 100000000 bytes, at most 67108864 are read: check that it is the right file'],
  ];
  test.each(FILES)('[E4] %s', async (_, prepare, status, message) => {
    const project = await encryptedProject(ENV);
    prepare(project);
    const around = { patience: 10_000 };
    await refused(project, ['env', 'verify', 'x.encrypted'], status, message, around);
    await refused(project, ['run', '--file', 'x.encrypted', '--', 'echo', 'started'], status, message, around);
    await refused(project, ['env', 'decrypt', 'x.encrypted', '--out', 'out'], status, message, around);
  });

  test('[E4] a symbolic link is followed to read, and not replaced', async () => {
    const project = await encryptedProject(ENV);
    symlinkSync(FILE, project.path('link.encrypted'));
    expect((await project.run(['env', 'get', 'A', '--file', 'link.encrypted'])).stdout).toBe(`${CANARY}-1`);
    await refused(project, ['env', 'set', 'A', '--file', 'link.encrypted'], 1, 'link.encrypted is a symbolic link: name the file that it points to', { input: 'x' });
  });
});

describe('[S2] a root key in an env file', () => {
  const message = (what: string): string => `${what} holds a root key: take it out: a root key beside the file that it opens protects nothing; keep it in a file outside, or in the environment`;
  test.each([
    ['as a value', (key: string) => `A=1\nROOT=${key}\n`, 'ROOT'],
    ['inside of other text', (key: string) => `A=1\nURL=https://x/${key}/y\n`, 'URL'],
    ['in a comment', (key: string) => `# ${key}\nA=1\n`, 'a comment'],
  ])('%s is refused', async (_, content, what) => {
    const project = await encryptedProject(ENV);
    const key = readFileSync(project.rootKey, 'utf8').trim();
    project.write('.env', content(key));
    await refused(project, ['env', 'encrypt'], 1, message(what));
    await refused(project, ['env', 'encrypt', '-', '--out', 'x.encrypted'], 1, message(what), { input: content(key) });
    await refused(project, ['env', 'convert', '--from', 'plain', '.env', '--out', 'x.encrypted'], 1, message(what));
    await refused(project, ['env', 'set', 'NEW'], 1, message('NEW'), { input: key });
  });
});

describe('[S1] what stands on the command line', () => {
  test('no value is taken from there, and none is repeated', async () => {
    const project = await encryptedProject(ENV);
    const lines: [string[], string][] = [
      [['env', 'set', 'A', CANARY], 'env set: there is an argument too many: it takes NAME, and never a value; see: lockfast env set --help'],
      [['env', 'set', `A=${CANARY}`], 'env set: the name of the variable is not usable: use letters, digits, underscores, dots and dashes; the value is never an argument'],
      [['env', 'set', 'A', `--value=${CANARY}`], 'env set: it has no option --value: see: lockfast env set --help'],
      [['env', 'set', 'A', '--value', CANARY], 'env set: it has no option --value: see: lockfast env set --help'],
      [['env', 'convert', '--from', 'fernet', '--key', CANARY, FILE, '--out', 'x'], 'env convert: --key takes env:NAME or file:PATH: the key itself never goes on the command line: others could read it there'],
      [['env', 'list', '--dialect', CANARY], 'env list: --dialect takes one of node, dotenv, python, docker, systemd, compose, shell: see: lockfast env list --help'],
      [['env', CANARY], 'there is no such command: see: lockfast --help'],
      [['run', CANARY], 'run: the program to run stands behind two dashes: write: lockfast run -- CMD ARG; see: lockfast run --help'],
      [['env', 'encrypt', '--derivation', CANARY], 'env encrypt: --derivation takes hkdf, pbkdf2-sha256 or pbkdf2-sha256:ITERATIONS: leave it out for hkdf'],
      [['key', 'source', 'add', CANARY], 'a key source is not one that Lockfast knows: write it as file:..., env:..., credential:..., passphrase:..., shares:...'],
    ];
    project.write('.env', PLAIN);
    for (const [args, message] of lines) await refused(project, args, 2, message);
  });

  test('options before the command are told apart from a command that there is not', async () => {
    const project = await encryptedProject(ENV);
    await refused(project, ['--tenant', 'acme', 'env', 'list'], 2, 'options stand behind the command: write it as: lockfast COMMAND [OPTION...]; see: lockfast --help');
  });

  test('a NUL, which no environment can carry, is refused before it is stored', async () => {
    const project = await encryptedProject(ENV);
    await refused(project, ['env', 'set', 'A'], 1, 'the value holds a NUL, which no environment can carry: encode it, for example in base64, and decode it in the program', { input: `a\0${CANARY}` });
  });
});

describe('[E4] the configuration', () => {
  const AT = 'BASE/project/lockfast.toml';
  const GOOD = 'environment = "production"\nkeyring = "k"\nkey-source = "file:k"\n';
  const WRONG: [string, string, string][] = [
    ['is no TOML', 'environment = "x\n', `${AT}, line 1: this is not TOML: see https://toml.io for how it is written`],
    ['sets one thing twice', `${GOOD}keyring = "l"\n`, `${AT}, line 4: this is not TOML: see https://toml.io for how it is written`],
    ['is empty', '', `${AT}: environment is missing: add it: a name of letters, digits, dots, dashes and underscores, such as "production"`],
    ['misspells a setting', `enviroment = "x"\n${GOOD}`, `${AT}: enviroment is not a setting: it takes: environment, keyring, key-source, ledger, dialect, tenants, tenant, databases, columns, blind-indexes, roles, schedule, approvals, maintenance, alerts, log, mask, guard, backups, witnesses`],
    ['misspells one in a table', `${GOOD}[tenants]\npaht = "/x/{tenant}"\n`, `${AT}: tenants.paht is not a setting: it takes: path, extends, service, user, way, required, generated, window, health`],
    ['has a number for a name', GOOD.replace('"production"', '1'), `${AT}: environment is not a name of letters, digits, dots, dashes and underscores, such as "production": see the table of settings in docs/configuration.md`],
    ['names a table of instances that could be anything else', `${GOOD}[databases.app]\nurl = "env:URL"\ninstances = "Instances; DROP"\n`, `${AT}: databases.NAME.instances is not the name of a table in lower case, with or without a schema: see the table of settings in docs/configuration.md`],
    ['has an empty list of sources', GOOD.replace('"file:k"', '[]'), `${AT}: key-source is not a key source such as "file:~/.config/lockfast/x.key", or a list of them: see the table of settings in docs/configuration.md`],
    ['has a text for a table', `${GOOD}tenants = "x"\n`, `${AT}: tenants must be a table: write [tenants] and its settings below`],
    ['has a tenant path without a tenant', `${GOOD}[tenants]\npath = "/srv"\n`, `${AT}: tenants.path is not a path with {tenant} in it, such as "/srv/tenants/{tenant}": see the table of settings in docs/configuration.md`],
    ['names an unknown dialect', `${GOOD}dialect = "perl"\n`, `${AT}: dialect is not one of node, dotenv, python, docker, systemd, compose, shell: see the table of settings in docs/configuration.md`],
    ['lacks the key ring', GOOD.replace(/keyring.*\n/, ''), `${AT}: keyring is missing: add it: the path of the key ring, such as ".lockfast/keyring.json"`],
    ['holds bytes that are no text', '\u0000\u0001\u0002', `${AT}, line 1: this is not TOML: see https://toml.io for how it is written`],
  ];
  test.each(WRONG)('%s', async (_, text, message) => {
    const project = await encryptedProject(ENV);
    project.write('lockfast.toml', text);
    await refused(project, ['env', 'list'], 2, message);
  });

  test('is missing, is named and missing, is no file', async () => {
    const project = await encryptedProject(ENV);
    const around = { cwd: project.base };
    await refused(project, ['status'], 2, 'there is no lockfast.toml here or above, and no /etc/lockfast/lockfast.toml: run `lockfast init` where the project begins, or change into the project', around);
    await refused(project, ['status', '--config', 'none'], 2, 'the file that --config names does not exist: check the path', around);
    await refused(project, ['status', '--config', project.directory], 1, 'BASE/project is a directory: name a file in it', around);
    rmSync(project.path('lockfast.toml'));
    execFileSync('mkfifo', [project.path('lockfast.toml')]);
    await refused(project, ['status'], 1, `${AT} is a FIFO (a pipe): name a regular file: a pipe can not be checked, replaced or read twice`, { patience: 10_000 });
  });

  test('names a key source that does not exist', async () => {
    const project = await encryptedProject(ENV);
    await refused(project, ['env', 'list'], 2, 'a key source is not one that Lockfast knows: write it as file:..., env:..., credential:..., passphrase:..., shares:...', { env: { LOCKFAST_KEY_SOURCE: 'ftp:x' } });
    await refused(project, ['env', 'list'], 3, 'NOPE is not set in the environment: set it from your secret store, never from the .env file', { env: { LOCKFAST_KEY_SOURCE: 'env:NOPE' } });
    // A root key where its source belongs is not repeated.
    const pasted = readFileSync(project.rootKey, 'utf8').trim();
    await refused(project, ['env', 'list'], 2, 'a key source is not one that Lockfast knows: write it as file:..., env:..., credential:..., passphrase:..., shares:...', { env: { LOCKFAST_KEY_SOURCE: pasted } });
  });
});

const missing = missingForMounting();
const because = missing === undefined ? '' : ` (${missing})`;

describe.skipIf(missing !== undefined)(`[E5] the disk${because}`, () => {
  const FULL = 'the disk is full: free space (or inodes) on that file system, then run it again';
  const LARGE = `A=${'x'.repeat(60_000)}\n`;

  test('is full', async () => {
    const project = await encryptedProject(ENV);
    smallDisk(project.path('disk'));
    project.write('disk/.env', LARGE);
    await refused(project, ['env', 'encrypt', 'disk/.env'], 1, `disk/.env.encrypted was not written: ${FULL}`);
    rmSync(project.path('disk/.env'));
    writeFileSync(project.path('disk/old.encrypted'), project.read(FILE), { mode: 0o400 });
    await refused(project, ['env', 'set', 'A', '--file', 'disk/old.encrypted'], 1, `disk/old.encrypted was not written: ${FULL}`, { input: 'x'.repeat(60_000) });
    project.write('disk/filler', Buffer.alloc(65_536 - 4096));
    await refused(project, ['env', 'decrypt', '--out', 'disk/.env'], 1, `disk/.env was not written: ${FULL}`);
    await refused(project, ['init', '--dir', 'disk/sub', '--key-source', 'env:ROOT'], 1, 'the ledger BASE/project/disk/sub/.lockfast/ledger.db can not be used: the disk is full: free space on its file system, then run it again', { env: { ROOT: readFileSync(project.rootKey, 'utf8') } });
  });

  test('is full where the key ring lies', async () => {
    const project = await encryptedProject(ENV);
    const kept = readFileSync(ring(project));
    smallDisk(project.path('.lockfast'));
    writeFileSync(ring(project), kept, { mode: 0o600 });
    writeFileSync(project.path('.lockfast/filler'), Buffer.alloc(65_536 - 4096));
    const around = { env: { LOCKFAST_LEDGER: ledgerOf(project, 'elsewhere') } };
    await refused(project, ['key', 'create'], 1, `BASE/project/.lockfast/keyring.json was not written: ${FULL}`, around);
    expect((await project.run(['env', 'get', 'A'], around)).stdout).toBe(`${CANARY}-1`);
  });

  test('is mounted read-only', async () => {
    const project = await encryptedProject(ENV);
    const disk = smallDisk(project.path('disk'), '1m');
    for (const part of [FILE, 'lockfast.toml', '.lockfast/keyring.json']) project.write(`disk/${part}`, project.read(part));
    project.write('disk/.env', PLAIN);
    disk.makeReadOnly();
    const around = { cwd: project.path('disk'), env: { LOCKFAST_LEDGER: ledgerOf(project, 'elsewhere') } };
    const READ_ONLY = 'the file system is read-only: remount it writable, or choose another place';
    await refused(project, ['env', 'encrypt'], 1, `no temporary file can be made beside ${FILE}: ${READ_ONLY}`, around);
    await refused(project, ['env', 'set', 'NEW'], 1, `no temporary file can be made beside ${FILE}: ${READ_ONLY}`, { ...around, input: 'x' });
    await refused(project, ['key', 'create'], 1, `no temporary file can be made beside BASE/project/disk/.lockfast/keyring.json: ${READ_ONLY}`, around);
    await refused(project, ['init', '--dir', 'sub'], 1, `the directory BASE/project/disk/sub/.lockfast was not made: ${READ_ONLY}`, around);
    expect((await project.run(['run', '--', 'sh', '-c', 'echo $A'], around)).stdout).toBe(`${CANARY}-1\n`);
  });

  test('with the state directory is read-only: what only reads goes on', async () => {
    const project = await encryptedProject(ENV);
    const disk = smallDisk(join(project.base, 'state'), '1m');
    disk.makeReadOnly();
    const around = { env: { XDG_STATE_HOME: join(project.base, 'state') } };
    expect(await project.run(['env', 'get', 'A'], around)).toEqual({ status: 0, signal: null, stdout: `${CANARY}-1`, stderr: '' });
    expect((await project.run(['run', '--', 'echo', 'started'], around)).stdout).toBe('started\n');
    await refused(project, ['env', 'set', 'A'], 1, 'no lock can be made in the state directory BASE/state/lockfast: the file system is read-only: remount it writable, or choose another place', { ...around, input: 'x' });
  });
});

describe('[B1] the surroundings', () => {
  test('a state directory that can not be made', async () => {
    const project = await encryptedProject(ENV);
    project.write('file', '');
    for (const place of ['/proc/nowhere', project.path('file')]) {
      const around = { env: { XDG_STATE_HOME: place }, patience: 10_000 };
      expect(await project.run(['env', 'get', 'A'], around)).toEqual({ status: 0, signal: null, stdout: `${CANARY}-1`, stderr: '' });
      const reason = place.startsWith('/proc') ? 'it does not exist' : 'a part of its path is not a directory';
      await refused(project, ['env', 'set', 'A'], 1, `no lock can be made in the state directory ${place}/lockfast: ${reason}: check the path`, { ...around, input: 'x' });
    }
  });

  test('a state directory that belongs to someone else', async () => {
    const project = await encryptedProject(ENV);
    if (isRoot) chownSync(project.directory, 65534, 65534);
    for (const file of [FILE, '.lockfast', '.lockfast/keyring.json', '.lockfast/ledger.db', 'lockfast.toml']) {
      if (isRoot) chownSync(project.path(file), 65534, 65534);
    }
    const state = join(project.base, 'state');
    mkdirSync(state, { mode: 0o500 });
    const around = { unprivileged: true, env: { XDG_STATE_HOME: state, LOCKFAST_KEY_SOURCE: 'env:ROOT', ROOT: readFileSync(project.rootKey, 'utf8') } };
    if (!isRoot) chmodSync(state, 0o500);
    else chmodSync(state, 0o755);
    expect((await project.run(['env', 'get', 'A'], around)).stdout).toBe(`${CANARY}-1`);
    await refused(project, ['env', 'set', 'A'], 1, 'no lock can be made in the state directory BASE/state/lockfast: permission is denied: run it as the owner, or change the permissions', { ...around, input: 'x' });
  });

  test('no HOME at all', async () => {
    const project = await encryptedProject(ENV);
    const env = { HOME: undefined, XDG_STATE_HOME: join(project.base, 'state'), LOCKFAST_KEY_SOURCE: `file:${project.rootKey}` };
    expect(await project.run(['env', 'get', 'A'], { env })).toEqual({ status: 0, signal: null, stdout: `${CANARY}-1`, stderr: '' });
    expect(await project.run(['env', 'set', 'A'], { env, input: 'x' })).toMatchObject({ status: 0, stderr: '' });
  });

  test('a file and a variable with names that would forge a line or steer the terminal', async () => {
    const project = await initialisedProject();
    const plain = 'x\n\u001b[31m.env';
    const shown = String.raw`"x\u{a}\u{1b}[31m.env`;
    const file = `${plain}.encrypted`;
    project.write(plain, PLAIN);
    expect((await project.run(['env', 'encrypt', plain])).stdout).toBe(`${shown}.encrypted": 4 lines, 4 new or changed, revision 1; ${shown}" removed\n`);
    for (const args of [['verify', file], ['set', 'A', '--file', file], ['unset', 'B', '--file', file], ['diff', '--file', file, '--against', file], ['lint', file], ['decrypt', file]]) {
      const { status, stdout } = await project.run(['env', ...args], { input: 'x' });
      expect([status, stdout], args[0]).toEqual([0, expect.stringContaining(shown)]);
      expect(stdout).not.toContain('\u001b');
    }
    project.write('names.env', 'A\u001b[31m=1\n');
    expect((await project.run(['env', 'list', 'names.env', '--dialect', 'docker'])).stdout).toBe(String.raw`"A\u001b[31m"` + '\n');
  });

  test.each(['', 'relative', '.'])('a HOME of "%s" is none: no state is kept below the working directory', async (given) => {
    const project = await encryptedProject(ENV);
    const before = readdirSync(project.directory);
    const home = userInfo().homedir;
    const outcome = await project.run(['env', 'get', 'A'], { env: { HOME: given, XDG_STATE_HOME: join(project.base, 'state') } });
    expect(outcome).toMatchObject({ status: 3, stderr: expect.stringContaining(` ${join(home, '.config/lockfast/')}`) });
    expect(readdirSync(project.directory)).toEqual(before);
  });

  test.skipIf(!isRoot)('an account that the system does not know, without HOME', async () => {
    const project = await encryptedProject(ENV);
    const nobodyKnows = (args: string, env: NodeJS.ProcessEnv): Outcome => {
      const { status, signal, stdout, stderr } = spawnSync('setpriv', ['--reuid=4242', '--regid=4242', '--clear-groups', process.execPath, LOCKFAST, ...args.split(' ')], { cwd: project.directory, env: { ...project.env, HOME: undefined, ...env }, encoding: 'utf8', timeout: 20_000 });
      return { status, signal, stdout, stderr };
    };
    spawnSync('chown', ['-R', '4242:4242', project.base]);
    const source = { LOCKFAST_KEY_SOURCE: `file:${project.rootKey}` };
    expect(nobodyKnows('env get A', { ...source, XDG_STATE_HOME: join(project.base, 'state') })).toEqual({ status: 0, signal: null, stdout: `${CANARY}-1`, stderr: '' });
    expect(nobodyKnows('env unset A', source)).toMatchObject({ status: 1, stderr: expect.stringContaining('no lock can be made in the state directory /.local/state/lockfast: permission is denied') });
    spawnSync('chown', ['0', project.rootKey]);
    expect(nobodyKnows('env get A', { ...source, XDG_STATE_HOME: join(project.base, 'state') })).toMatchObject({ status: 3, stderr: expect.stringContaining('run as its owner; this is uid 4242') });
  });

  const shell = (project: Project, script: string): Outcome => {
    const { status, signal, stdout, stderr } = spawnSync('bash', ['-c', script], { cwd: project.directory, env: project.env, encoding: 'utf8', timeout: 20_000 });
    return { status, signal, stdout, stderr };
  };

  test('a reader that goes away, a closed and a full standard output', async () => {
    const project = await encryptedProject(Array.from({ length: 4000 }, (_, i) => `NAME_${i}=${'x'.repeat(40)}\n`).join(''));
    expect(shell(project, 'lockfast env list --reveal | head -n 1; echo "${PIPESTATUS[0]}"').stdout).toMatch(/^NAME_0=x{40}\n0\n$/);
    expect(shell(project, 'lockfast env decrypt --out - | true; echo "${PIPESTATUS[0]}"')).toMatchObject({ stdout: '0\n', stderr: '' });
    expect(shell(project, 'lockfast env list >&-')).toEqual({ status: 0, signal: null, stdout: '', stderr: '' });
    expect(shell(project, 'lockfast env list > /dev/full')).toMatchObject({ status: 1, stderr: 'lockfast: standard output was not written: the disk is full: send it elsewhere, and run it again\n' });
    expect(shell(project, 'lockfast env list --json > /dev/full')).toMatchObject({ status: 1, stderr: 'lockfast: standard output was not written: the disk is full: send it elsewhere, and run it again\n' });
    expect(shell(project, 'lockfast env get NOPE 2> /dev/full')).toMatchObject({ status: 1, stdout: '', stderr: '' });
    expect(shell(project, 'lockfast env get NOPE 2>&-')).toMatchObject({ status: 1 });
  });

  test('a working directory that is gone', async () => {
    const project = await encryptedProject(ENV);
    expect(shell(project, `mkdir gone && cd gone && rmdir ../gone && exec '${process.execPath}' '${LOCKFAST}' env list`)).toMatchObject({ status: 1, stderr: 'lockfast: the working directory was removed: change to a directory that exists\n' });
  });
});

test.for([['env', 'set', 'A'], ['env', 'encrypt', '-']])('a directory as standard input of %j is no defect', async (args) => {
  const project = await encryptedProject(ENV);
  const before = project.tree();
  const directory = openSync('/', 'r');
  const { status, stderr } = spawnSync(process.execPath, [LOCKFAST, ...args], { cwd: project.directory, env: project.env, stdio: [directory, 'pipe', 'pipe'], encoding: 'utf8' });
  closeSync(directory);
  expect([status, stderr]).toEqual([1, 'lockfast: standard input was not read: it is a directory: name a file\n']);
  expect(project.tree()).toEqual(before);
});
