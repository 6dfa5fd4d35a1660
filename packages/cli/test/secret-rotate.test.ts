/** `secret rotate` and its like on files alone, without services. With services: secret-systemd. */
import { spawn } from 'node:child_process';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import { parseFile } from '@lockfast/core/env';
import { PseudoTerminal } from '@lockfast/testkit';
import { expect, onTestFinished, test } from 'vitest';

import { ledgerEntries } from './support/ledger.ts';
import { initialisedProject, LOCKFAST, type Outcome, type Project } from './support/project.ts';

const CANARY = 'canary-5b1de7';

interface Rotation {
  readonly id: string;
  readonly status: string;
  readonly scope: string;
  readonly proven: boolean;
}

/** `''` is what all share. */
async function fleet(files: Readonly<Record<string, string>>, settings = '', top = ''): Promise<Project> {
  const project = await initialisedProject();
  const configuration = project.text('lockfast.toml');
  project.write('lockfast.toml', `${configuration}${top}\n[tenants]\npath = "tenants/{tenant}"\nextends = "shared/defaults.env.encrypted"\n${settings}`);
  for (const [tenant, text] of Object.entries(files)) {
    const file = tenant === '' ? 'shared/defaults.env' : `tenants/${tenant}/.env`;
    project.write(file, text);
    expect(await project.run(['env', 'encrypt', file])).toMatchObject({ status: 0 });
  }
  return project;
}

function encrypted(tenant: string): string {
  return tenant === '' ? 'shared/defaults.env.encrypted' : `tenants/${tenant}/.env.encrypted`;
}

async function plain(project: Project, tenant: string): Promise<string> {
  const { status, stdout, stderr } = await project.run(['env', 'decrypt', '--out', '-', encrypted(tenant)]);
  expect(status, stderr).toBe(0);
  return stdout;
}

function rotate(project: Project, value: string, ...args: string[]): Promise<Outcome> {
  return project.run(['secret', 'rotate', ...args], { input: value });
}

async function history(project: Project): Promise<{ rotations: Rotation[]; credentials: { name: string; tenant: string; rotation: string | null; ageDays: number }[]; open: { id: string; what: string; name: string; scope: string }[] }> {
  const { status, stdout, stderr } = await project.run(['secret', 'history', '--json']);
  expect(status, stderr).toBe(0);
  return JSON.parse(stdout) as Awaited<ReturnType<typeof history>>;
}

async function expectDone(outcome: Promise<Outcome>): Promise<Outcome> {
  const done = await outcome;
  expect([done.status, done.signal], done.stderr).toEqual([0, null]);
  return done;
}

test('[E13] --scope all changes the variable wherever it is set, and nothing else: each other line keeps its ciphertext', async () => {
  const project = await fleet({ '': 'API_KEY=old-shared\nLEVEL=info\n', a: '# a\nAPI_KEY=old-a\nPORT=1\n', b: 'PORT=2\n' });
  const before = new Map(['', 'a', 'b'].map((tenant) => [tenant, parseFile(project.read(encrypted(tenant)), '').lines]));
  const { stdout } = await expectDone(rotate(project, 'new', 'API_KEY', '--scope', 'all'));
  expect(stdout).toMatch(/^\(shared\) .*defaults\.env\.encrypted +API_KEY +for 1 tenant$/m);
  expect([await plain(project, ''), await plain(project, 'a'), await plain(project, 'b')]).toEqual(['API_KEY=new\nLEVEL=info\n', '# a\nAPI_KEY=new\nPORT=1\n', 'PORT=2\n']);
  for (const [tenant, lines] of before) {
    const after = parseFile(project.read(encrypted(tenant)), '').lines;
    expect(after.map(({ name, value }, i) => [name, value === lines[i]!.value])).toEqual(lines.map(({ name }) => [name, name !== 'API_KEY']));
  }
});

test.each([
  ['shared', { '': 'API_KEY=new\n', a: 'API_KEY=old-a\n', b: 'API_KEY=old-b\n' }],
  ['a', { '': 'API_KEY=old\n', a: 'API_KEY=new\n', b: 'API_KEY=old-b\n' }],
])('[E13] --scope %s changes that file alone', async (scope, after) => {
  const project = await fleet({ '': 'API_KEY=old\n', a: 'API_KEY=old-a\n', b: 'API_KEY=old-b\n' });
  await expectDone(rotate(project, 'new', 'API_KEY', '--scope', scope));
  for (const [tenant, text] of Object.entries(after)) expect(await plain(project, tenant)).toBe(text);
});

test('[E13] any value arrives in the program byte for byte: & | \\ newline $ # quotes, UTF-8', { timeout: 60_000 }, async () => {
  const project = await fleet({ '': 'LEVEL=info\n', a: "API_KEY='old # $X' # why\nLAST=1" });
  const values = ['a&b|c\\1\\n', 'line\nbreak\n', '$HOME ${X} $(id) `id`', '"double" \'both\'', ' space # hash ', '=äöü €😀 %s ~', 'ends in \\'];
  for (const value of values) {
    await expectDone(rotate(project, value, 'API_KEY', '--scope', 'a'));
    const { stdout } = await expectDone(project.run(['run', '--tenant', 'a', '--', process.execPath, '-e', 'process.stdout.write(process.env.API_KEY)']));
    expect(stdout).toBe(value);
  }
  // Back through all of them, to the first line as it was.
  for (const { id } of (await history(project)).rotations.toReversed()) await expectDone(project.run(['secret', 'rollback', id]));
  expect(await plain(project, 'a')).toBe("API_KEY='old # $X' # why\nLAST=1");
});

test('[E13] twice, with export, in a comment: each is handled and said', async () => {
  const project = await fleet({ '': 'OTHER=1\n', a: 'API_KEY=dead\nexport API_KEY="old" # why\n', b: '# API_KEY=none\nX=1\n' });
  const { stdout } = await expectDone(rotate(project, 'new', 'API_KEY', '--scope', 'all'));
  expect(stdout).toContain('set twice, both change; with export, which stays');
  expect(await plain(project, 'a')).toBe('API_KEY=new\nexport API_KEY=new\n');
  expect(await plain(project, 'b')).toBe('# API_KEY=none\nX=1\n');
  const refused = await rotate(project, 'new', 'API_KEY', '--scope', 'b');
  expect([refused.status, refused.stderr]).toEqual([1, expect.stringContaining('API_KEY stands there in a comment only, which sets nothing')]);
});

test('[E13] a tenant that has it from the shared file is told so; a name that nobody sets, and a tenant that is not, too', async () => {
  const project = await fleet({ '': 'API_KEY=old\n', a: 'X=1\n' });
  expect(await rotate(project, 'new', 'API_KEY', '--scope', 'a')).toMatchObject({ status: 1, stderr: expect.stringContaining('a has API_KEY from the shared file') });
  expect(await rotate(project, 'new', 'NOPE', '--scope', 'all')).toMatchObject({ status: 1, stderr: expect.stringContaining('no file of the scope all sets NOPE') });
  expect(await rotate(project, 'new', 'X', '--scope', 'nobody')).toMatchObject({ status: 1, stderr: expect.stringContaining('no tenant of the name') });
  expect((await history(project)).rotations).toEqual([]);
});

test.each([
  [['API_KEY'], 'secret rotate: --scope is missing'],
  [['API_KEY', '--scope', 'all', '--length', '20'], '--length is of a value that is generated'],
  [['API_KEY', '--scope', 'all', '--generate', '--length', '3'], 'a generated value has 16 to 1024 characters'],
  [['API_KEY', '--scope', 'all', '--parallel', '0'], '--parallel is 1 to 64'],
  [['API_KEY', '--scope', 'all', '--grace', 'soon'], '--grace is no time'],
  [['API_KEY', '--scope', 'all', '--all', '--tenant', 'a'], '--all is about all variables of one tenant'],
  [['--all'], '--all and --tenant belong together'],
  [[], 'which variable is missing'],
  [['API KEY', '--scope', 'all'], 'the name of the variable is not usable'],
  [['--resume'], 'no rotation is open'],
])('what makes no sense is refused before anything is asked: %j', async (args, message) => {
  const project = await fleet({ a: 'API_KEY=old\n' });
  const { status, stderr } = await rotate(project, 'new', ...args);
  expect([status, stderr]).toEqual([2, expect.stringContaining(message)]);
});

test('[E13] an empty value, a root key, and bytes that are no text are refused', async () => {
  const project = await fleet({ a: 'API_KEY=old\n' });
  expect(await rotate(project, '', 'API_KEY', '--scope', 'a')).toMatchObject({ status: 2, stderr: expect.stringContaining('the new value is empty') });
  expect(await rotate(project, readFileSync(project.rootKey, 'utf8'), 'API_KEY', '--scope', 'a')).toMatchObject({ status: 1, stderr: expect.stringContaining('is a root key') });
  const bytes = await project.run(['secret', 'rotate', 'API_KEY', '--scope', 'a'], { input: Buffer.from([0xff, 0xfe]) });
  expect(bytes).toMatchObject({ status: 1, stderr: expect.stringContaining('not UTF-8') });
  expect(await plain(project, 'a')).toBe('API_KEY=old\n');
});

test('[E13] a length that is too long for a number here is not called no number', async () => {
  const project = await fleet({ '': 'API_KEY=old\n' });
  for (const length of ['99999', 'x', '1e3']) {
    expect(await project.run(['secret', 'rotate', 'API_KEY', '--scope', 'shared', '--generate', '--length', length])).toMatchObject({ status: 2, stderr: 'lockfast: secret rotate: --length is no number of at most four digits: write it in digits\n' });
  }
});

test('[E13] --generate makes values of the length that is asked for, one for all files', async () => {
  const project = await fleet({ a: 'API_KEY=old\n', b: 'API_KEY=old\n' });
  await expectDone(rotate(project, '', 'API_KEY', '--scope', 'all', '--generate', '--length', '24'));
  expect(await plain(project, 'a')).toMatch(/^API_KEY=[\w-]{24}\n$/);
  expect(await plain(project, 'b')).toBe(await plain(project, 'a'));
});

test('[E13] --verify-command gets the new value on standard input, and decides before anything is written', async () => {
  const project = await fleet({ a: 'API_KEY=old\n' });
  const before = project.tree();
  const refused = await rotate(project, 'canary-refused', 'API_KEY', '--scope', 'a', '--verify-command', 'v=$(cat); echo "$v" >&2; test "$v" = good');
  expect([refused.status, refused.stderr]).toEqual([1, expect.stringContaining('does not accept the new value (exit 1)')]);
  expect(refused.stderr + refused.stdout).not.toContain('canary-refused');
  expect((await history(project)).rotations).toEqual([]);
  const after = Object.fromEntries(Object.entries(project.tree()).filter(([path]) => !path.includes('credential-rotations')));
  expect(after).toEqual(before);
  await expectDone(rotate(project, 'good', 'API_KEY', '--scope', 'a', '--verify-command', 'test "$(cat)" = good; test -z "$API_KEY"'));
});

test('[E13] the value is in no file, argument or output; the journal has it encrypted, and loses it at the end', async () => {
  const project = await fleet({ '': `API_KEY=${CANARY}-old-value\n`, a: `API_KEY=${CANARY}-own\nURL=https://u:${CANARY}-own@h\n` });
  const done = await expectDone(rotate(project, `${CANARY}-new`, 'API_KEY', '--scope', 'all', '--reason', 'ticket 4711', '--json'));
  expect(done.stdout + done.stderr).not.toContain(CANARY);
  expect(done.stderr).toContain('the old value stands in URL, too');
  const entries = await ledgerEntries(project);
  expect(JSON.stringify(entries)).not.toContain(CANARY);
  for (const [path, what] of Object.entries(project.tree())) {
    if (path.endsWith('/') || what.includes('->')) continue;
    expect(readFileSync(join(project.base, path)).includes(CANARY), path).toBe(false);
  }
  const { id } = JSON.parse(done.stdout) as Rotation;
  const [first] = entries.filter(({ operation }) => operation === 'secret-rotate');
  expect(first).toMatchObject({ kind: 'intent', object: 'API_KEY', reason: 'ticket 4711', details: { rotation: id, scope: 'all' } });
  const writes = entries.filter(({ operation, details }) => operation === 'encrypt' && details?.['rotation'] === id);
  expect(writes.map(({ kind }) => kind)).toEqual(['intent', 'intent', 'outcome', 'outcome']);
  // By which an older file that is put back is found.
  expect(writes.slice(2).map(({ details }) => details?.['revision'])).toEqual([2, 2]);
  expect(entries.at(-1)).toMatchObject({ operation: expect.stringMatching(/secret-rotate|ledger-signer/) });
  expect((await project.run(['ledger', 'verify'])).stdout).toContain('the chain is whole');
});

test('[E13] the files as they were are kept encrypted, listed, and pruned', async () => {
  const project = await fleet({ a: 'API_KEY=old\n' });
  const before = project.read(encrypted('a'));
  await expectDone(rotate(project, 'new', 'API_KEY', '--scope', 'a'));
  const { id } = (await history(project)).rotations[0]!;
  expect(project.read(`.lockfast/backups/${id}/files/1`).equals(before)).toBe(true);
  expect((await project.run(['backup', 'list'])).stdout).toMatch(new RegExp(`^${id} .* API_KEY +1 `, 'm'));
  const manifest = project.path(`.lockfast/backups/${id}/manifest.json`);
  writeFileSync(manifest, readFileSync(manifest, 'utf8').replace(/"started": "[^"]*"/, '"started": "2020-01-01T00:00:00.000Z"'));
  await expectDone(project.run(['backup', 'prune', '--yes']));
  expect(await project.run(['secret', 'rollback', id])).toMatchObject({ status: 1, stderr: expect.stringContaining(`the copies from before ${id} are gone`) });
});

test('[E13] secret rollback puts the lines back byte for byte; not over a later change, unless it is forced', async () => {
  const project = await fleet({ a: 'API_KEY="old" # why\nX=1\n' });
  await expectDone(rotate(project, 'new', 'API_KEY', '--scope', 'a'));
  // Somebody else's edit stays.
  await expectDone(project.run(['env', 'set', 'X', '--file', encrypted('a')], { input: '2' }));
  const { id } = (await history(project)).rotations[0]!;
  await expectDone(project.run(['secret', 'rollback', id]));
  expect(await plain(project, 'a')).toBe('API_KEY="old" # why\nX=2\n');
  expect(await project.run(['secret', 'rollback', id])).toMatchObject({ status: 5, stderr: expect.stringContaining('rolled back already') });

  await expectDone(rotate(project, 'new', 'API_KEY', '--scope', 'a'));
  await expectDone(project.run(['env', 'set', 'API_KEY', '--file', encrypted('a')], { input: 'newer' }));
  const later = (await history(project)).rotations[1]!.id;
  expect(await project.run(['secret', 'rollback', later])).toMatchObject({ status: 5, stderr: expect.stringContaining('it was changed since in') });
  expect(await plain(project, 'a')).toBe('API_KEY=newer\nX=2\n');
  await expectDone(project.run(['secret', 'rollback', later, '--force']));
  expect(await plain(project, 'a')).toBe('API_KEY="old" # why\nX=2\n');
  expect(await project.run(['secret', 'rollback', 'abcdefghij'])).toMatchObject({ status: 1, stderr: expect.stringContaining('no rotation of that id') });
});

test('[E13] [B6] a poisoned file stops it before anything is written; with --keep-going the others are done, and it is named', async () => {
  const project = await fleet({ a: 'API_KEY=old\n', b: 'API_KEY=old\n', c: 'API_KEY=old\n' });
  const bytes = project.read(encrypted('b'));
  const broken = bytes.toString('latin1').replace(/mac=./, (mac) => (mac === 'mac=A' ? 'mac=B' : 'mac=A'));
  project.write(encrypted('b'), broken, 0o400);
  const refused = await rotate(project, 'new', 'API_KEY', '--scope', 'all');
  expect([refused.status, refused.stderr]).toEqual([1, expect.stringContaining('b/.env.encrypted')]);
  expect(refused.stderr).not.toContain('without it: ');
  expect(await plain(project, 'a')).toBe('API_KEY=old\n');
  const partial = await rotate(project, 'new', 'API_KEY', '--scope', 'all', '--keep-going');
  expect([partial.status, partial.stderr]).toEqual([1, expect.stringContaining('API_KEY has its new value, but not everywhere')]);
  expect([await plain(project, 'a'), await plain(project, 'c')]).toEqual(['API_KEY=new\n', 'API_KEY=new\n']);
  expect((await history(project)).rotations.map(({ status }) => status)).toEqual(['partial']);
});

test('[E13] outside the maintenance window it is refused, and with --force it is not', async () => {
  const hour = new Date().getUTCHours();
  const window = `${String((hour + 5) % 24).padStart(2, '0')}:00-${String((hour + 6) % 24).padStart(2, '0')}:00`;
  const project = await fleet({ a: 'API_KEY=old\n' }, `[maintenance]\nwindow = "${window}"\n`);
  expect(await rotate(project, 'new', 'API_KEY', '--scope', 'a')).toMatchObject({ status: 1, stderr: expect.stringContaining('outside the maintenance window') });
  await expectDone(rotate(project, 'new', 'API_KEY', '--scope', 'a', '--force'));
});

test('[S8] [E13] who is no operator may not rotate or roll back, and the refusal is on record', async () => {
  const project = await fleet({ a: 'API_KEY=old\n' });
  project.write('lockfast.toml', `${project.text('lockfast.toml')}\n[roles]\nadmin = ["root", "nobody"]\noperator = ["somebody-else"]\n`);
  for (const args of [['secret', 'rotate', 'API_KEY', '--scope', 'a', '--generate'], ['secret', 'rollback', 'abcdefghij'], ['secret', 'done', 'abcdefghij']]) {
    expect(await project.run(args)).toMatchObject({ status: 1, stderr: expect.stringContaining('is not an operator') });
  }
  expect((await ledgerEntries(project)).filter(({ outcome }) => outcome === 'refused').map(({ operation }) => operation)).toEqual(['secret-rotate', 'secret-rollback', 'secret-done']);
});

test('[B6] a second rotation at the same time is told so at once, exit 5', async () => {
  const project = await fleet({ a: 'API_KEY=old\n' });
  const first = spawn(process.execPath, [LOCKFAST, 'secret', 'rotate', 'API_KEY', '--scope', 'a', '--generate', '--verify-command', 'touch ready; sleep 20'], { cwd: project.directory, env: project.env, stdio: 'ignore' });
  await expect.poll(() => readdirSync(project.directory), { timeout: 20_000 }).toContain('ready');
  const second = await rotate(project, 'new', 'API_KEY', '--scope', 'a');
  expect([second.status, second.stderr]).toEqual([5, expect.stringContaining('in use by another lockfast')]);
  first.kill('SIGKILL');
  await sleep(50);
  // The lock died with it.
  await expectDone(rotate(project, 'new', 'API_KEY', '--scope', 'a'));
});

test('[E13] --dry-run shows files and notes, changes nothing and needs no key', async () => {
  const project = await fleet({ '': 'API_KEY=old\n', a: 'API_KEY=old\nAPI_KEY=b\n' });
  const before = project.tree();
  const shown = await expectDone(project.run(['secret', 'rotate', 'API_KEY', '--scope', 'all', '--dry-run'], { env: { LOCKFAST_KEY_SOURCE: 'file:/nowhere' } }));
  expect(shown.stdout).toContain('set twice, both change');
  expect(shown.stdout).toContain('nothing was changed');
  const json = JSON.parse((await expectDone(project.run(['secret', 'rotate', 'API_KEY', '--scope', 'all', '--dry-run', '--json']))).stdout) as Record<string, unknown>;
  expect(json).toMatchObject({ dryRun: true, resumes: null, names: ['API_KEY'], files: [{ tenant: '', feeds: [] }, { tenant: 'a', feeds: ['a'] }] });
  expect(project.tree()).toEqual(before);
});

test('[E13] --all --tenant generates what it can, and the rest is on a list until it is done', async () => {
  const project = await fleet({ '': 'OPENAI=sk-old\n', a: 'SESSION_KEY=s\nCSRF=c\nSMTP=old\nPORT=1\n', b: 'SESSION_KEY=s\n' }, 'generated = ["SESSION_KEY", "CSRF"]\n');
  await expectDone(rotate(project, '', '--all', '--tenant', 'a', '--reason', 'laptop stolen'));
  expect(await plain(project, 'a')).toMatch(/^SESSION_KEY=[\w-]{43}\nCSRF=[\w-]{43}\nSMTP=old\nPORT=1\n$/);
  expect(new Set((await plain(project, 'a')).match(/[\w-]{43}/g)).size).toBe(2);
  expect(await plain(project, 'b')).toBe('SESSION_KEY=s\n');
  const { open } = await history(project);
  expect(open.map(({ what, name, scope }) => [what, name, scope])).toEqual([['rotate', 'SMTP', 'a'], ['rotate', 'OPENAI', 'shared']]);
  expect((await project.run(['secret', 'history', '--open'])).stdout).toMatch(/get a new value, rotate +SMTP +a .*laptop stolen/);

  // Rotated: done by itself. The other by a person. The old value of the one waits for its grace time.
  await expectDone(rotate(project, 'fresh', 'SMTP', '--scope', 'a', '--grace', '7d'));
  await expectDone(project.run(['secret', 'done', open[1]!.id]));
  const left = (await history(project)).open;
  expect(left.map(({ what, name }) => [what, name])).toEqual([['revoke', 'SMTP']]);
  expect((await project.run(['secret', 'history', '--open'])).stdout).toMatch(/revoke the old value +SMTP +a +\d{4}-\d\d-\d\d +\d{4}-\d\d-\d\d \d\d:\d\d UTC/);
  await expectDone(project.run(['secret', 'done', left[0]!.id, '--reason', 'revoked']));
  expect((await project.run(['secret', 'history', '--open'])).stdout).toBe('Nothing is left to do.\n');
  expect(await project.run(['secret', 'done', left[0]!.id])).toMatchObject({ status: 1, stderr: expect.stringContaining('nothing of that id is open') });
});

test('[E13] secret history knows who, why, what came of it, and the age of each credential, set by hand or rotated', async () => {
  const project = await fleet({ '': 'API_KEY=old\n', a: 'API_KEY=old\nX=1\n' });
  await expectDone(rotate(project, 'new', 'API_KEY', '--scope', 'all', '--reason', 'quarterly'));
  await expectDone(project.run(['env', 'set', 'X', '--file', encrypted('a')], { input: '2' }));
  const { rotations, credentials } = await history(project);
  expect(rotations).toEqual([expect.objectContaining({ status: 'completed', scope: 'all', reason: 'quarterly', actor: expect.any(String), durationMs: expect.any(Number), proven: true, failures: [] })]);
  expect(rotations[0]).not.toHaveProperty('sealed');
  const { id } = rotations[0]!;
  expect(credentials.map(({ name, tenant, rotation, ageDays }) => [name, tenant, rotation, ageDays])).toEqual([['API_KEY', '', id, 0], ['API_KEY', 'a', id, 0], ['X', 'a', null, 0]]);
  expect((await project.run(['secret', 'history', 'API_KEY'])).stdout).toMatch(new RegExp(`^${id} .* API_KEY +all +completed +2 files, [0-9.]+ s +quarterly$`, 'm'));
  expect((await project.run(['secret', 'history', 'NOPE'])).stdout).toContain('No rotations.');
  // What is altered is shown, and said.
  const file = `.lockfast/credential-rotations/${id}.json`;
  project.write(file, project.text(file).replace('quarterly', 'nothing'));
  const altered = await expectDone(project.run(['secret', 'history']));
  expect(altered.stderr).toContain(`the record of ${id} is not as it was written`);
  expect(await project.run(['secret', 'rollback', id])).toMatchObject({ status: 4, stderr: expect.stringContaining('was not written so with this key ring') });
});

test('[E14] [log] rotations gets a line for each, mode 0640; one that can not be written stops it first', async () => {
  const project = await fleet({ a: 'API_KEY=old\n' }, '[log]\nrotations = "rotations.log"\n');
  await expectDone(rotate(project, 'new', 'API_KEY', '--scope', 'a', '--reason', 'a | b'));
  expect(project.text('rotations.log')).toMatch(/^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d \| INFO \| SECRET-ROTATE \| a \| \S+ \| COMPLETED \| API_KEY \| 1 file, [0-9.]+ s \| a \\u\{7c\} b\n$/);
  const other = await fleet({ a: 'API_KEY=old\n' }, '[log]\nrotations = "tenants"\n');
  expect((await rotate(other, 'new', 'API_KEY', '--scope', 'a')).status).toBe(1);
  expect(await plain(other, 'a')).toBe('API_KEY=old\n');
});

test('[E13] on a terminal the value is asked for without an echo, and then whether it is meant', async () => {
  const project = await fleet({ '': 'API_KEY=old\n', a: 'A=1\n' });
  for (const [typed, answer, status] of [[CANARY, 'n\n', 2], [CANARY, '\n', 2], ['\u0003', undefined, 2], [`${CANARY} &|\\$#"'%é`, 'y\n', 0]] as const) {
    const terminal = new PseudoTerminal([process.execPath, LOCKFAST, 'secret', 'rotate', 'API_KEY', '--scope', 'shared'], { cwd: project.directory, env: project.env });
    onTestFinished(() => terminal[Symbol.dispose]());
    await terminal.until('(shared)  ');
    await terminal.until('Value of API_KEY: ');
    terminal.type(answer === undefined ? typed : `${typed}\r`);
    if (answer !== undefined) {
      await terminal.until('Rotate API_KEY in 1 file, and restart 0 services? [y/N] ');
      terminal.type(answer);
    }
    const end = await terminal.end();
    expect(end.status, end.shown).toBe(status);
    expect(end.shown).not.toContain(CANARY);
    expect(end.shown).toContain(status === 0 ? 'API_KEY (shared) completed' : 'broken off: nothing was changed');
    expect((await project.run(['env', 'get', 'API_KEY', '--file', encrypted('')])).stdout).toBe(status === 0 ? typed : 'old');
  }
  expect((await history(project)).rotations.map(({ status }) => status)).toEqual(['completed']);
});

test('without tenants it says so', async () => {
  const project = await initialisedProject();
  expect(await rotate(project, 'new', 'A', '--scope', 'all')).toMatchObject({ status: 2, stderr: expect.stringContaining('says nothing of tenants') });
});
