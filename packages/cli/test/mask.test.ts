/** `mask`, and `run --mask` off a terminal. */
import { spawn, spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';

import { describe, expect, test } from 'vitest';

import { LOCKFAST, type Project, encryptedProject } from './support/project.ts';

const SECRETS = 'API_KEY=zq-9931-secret-value\nDATABASE_URL="postgres://app:hunter2-hunter2@db/app"\nPIN_KEY=1234\nMODE=production\nPUBLIC_NAME=acme-public-site\n';

function node(script: string): string[] {
  return [process.execPath, '-e', script];
}

/** A program that speaks while it runs. */
function started(project: Project, args: readonly string[]) {
  return spawn(process.execPath, [LOCKFAST, ...args], { cwd: project.directory, env: project.env });
}

describe('mask', () => {
  test('[B9] [S6] copies its input, with the secrets masked', async () => {
    const project = await encryptedProject(SECRETS);
    const input = `key zq-9931-secret-value, in base64 ${Buffer.from('zq-9931-secret-value').toString('base64')}\npassword hunter2-hunter2, mode production, 1234\n`;
    expect(await project.run(['mask'], { input })).toEqual({
      status: 0, signal: null, stdout: 'key ***, in base64 ***\npassword ***, mode production, 1234\n',
      stderr: 'lockfast: warning: not masked, too short or too common: PIN_KEY\n',
    });
  });

  test('[B9] bytes that hold no secret pass as they are, megabytes of them', async () => {
    const project = await encryptedProject(SECRETS);
    const bytes = randomBytes(3_000_001);
    const masked = spawnSync(process.execPath, [LOCKFAST, 'mask'], { cwd: project.directory, env: project.env, input: bytes, maxBuffer: 1e8 });
    expect([masked.status, masked.stdout.equals(bytes)]).toEqual([0, true]);
  });

  test('[B9] takes the secrets of a file, of a tenant, and of the environment by its names', async () => {
    const project = await encryptedProject(SECRETS);
    project.write('lockfast.toml', `${project.text('lockfast.toml')}\n[tenants]\npath = "tenants/{tenant}"\n[mask]\nnames = ["ACME_*"]\nexcept = ["PUBLIC_*"]\n`);
    project.write('tenants/acme/.env', 'OWN=tenant-own-value\n');
    project.write('other.env', 'OTHER=other-file-value\n');
    for (const file of ['tenants/acme/.env', 'other.env']) expect(await project.run(['env', 'encrypt', file])).toMatchObject({ status: 0 });
    const input = 'zq-9931-secret-value tenant-own-value other-file-value acme-public-site inherited-one inherited-two inherited-three';
    const env = { GITHUB_TOKEN: 'inherited-one', ACME_THING: 'inherited-two', THING: 'inherited-three' };
    expect(await project.run(['mask'], { input, env })).toMatchObject({ stdout: '*** tenant-own-value other-file-value acme-public-site *** *** inherited-three' });
    expect(await project.run(['mask', '--tenant', 'acme'], { input })).toMatchObject({ stdout: 'zq-9931-secret-value *** other-file-value acme-public-site inherited-one inherited-two inherited-three' });
    expect(await project.run(['mask', '--file', 'other.env.encrypted', '--file', '.env.encrypted'], { input })).toMatchObject({ stdout: '*** tenant-own-value *** acme-public-site inherited-one inherited-two inherited-three' });
  });

  test('[S6] lists what is masked and what is not, and why; never a value', async () => {
    const project = await encryptedProject(SECRETS);
    expect(await project.run(['mask', '--names'])).toMatchObject({
      status: 0, stderr: '',
      stdout: 'VARIABLE      MASKED\nAPI_KEY       yes\nDATABASE_URL  yes\nPIN_KEY       no: under 6 bytes\nMODE          no: a common word\nPUBLIC_NAME   yes\n',
    });
    const { stdout } = await project.run(['mask', '--names', '--json']);
    expect(JSON.parse(stdout)).toMatchObject({ variables: [{ name: 'API_KEY', masked: true }, {}, { name: 'PIN_KEY', masked: false, reason: 'short' }, {}, {}] });
  });

  test('[B9] a reader that goes away ends it as a filter ends', async () => {
    const project = await encryptedProject(SECRETS);
    const { stdout } = spawnSync('bash', ['-c', 'yes | "$0" "$1" mask | head -n 1; echo "${PIPESTATUS[*]}"', process.execPath, LOCKFAST], { cwd: project.directory, env: project.env, encoding: 'utf8' });
    expect(stdout).toBe('y\n141 141 0\n');
  });

  test('[B9] a slow reader is waited for, and memory does not grow with what comes', async () => {
    const project = await encryptedProject(SECRETS);
    const mask = started(project, ['mask']);
    let sent = 0;
    const pump = (): void => {
      do sent += 65_536;
      while (mask.stdin.write(Buffer.alloc(65_536, 'x')));
    };
    mask.stdin.on('drain', pump);
    pump();
    await sleep(1500);
    const before = sent;
    await sleep(300);
    expect(sent).toBe(before);
    expect(before).toBeLessThan(2_000_000);
    mask.stdin.off('drain', pump);
    mask.stdin.end();
    expect((await text(mask.stdout)).length).toBe(sent);
  });

  test('[B9] a prompt comes through though its line has no end', async () => {
    const project = await encryptedProject('API_KEY=Password-9931\n');
    const mask = started(project, ['mask']);
    mask.stdin.write('Passw');
    const [first] = (await mask.stdout.take(1).toArray()) as Buffer[];
    expect(first!.toString()).toBe('Passw');
    mask.kill();
  });

  test.each([
    ['a file that is not there', ['mask', '--file', 'missing'], 'it does not exist'],
    ['an operand', ['mask', 'x'], 'an argument too many'],
    ['an unknown option', ['mask', '--nmaes'], 'did you mean --names?'],
  ])('%s is refused', async (_what, args, message) => {
    const project = await encryptedProject(SECRETS);
    const { status, stdout, stderr } = await project.run(args, { input: 'zq-9931-secret-value' });
    expect(status).not.toBe(0);
    expect([stdout, stderr]).toEqual(['', expect.stringContaining(message)]);
  });

  test('a wrong setting of mask is refused', async () => {
    const project = await encryptedProject(SECRETS);
    project.write('lockfast.toml', `${project.text('lockfast.toml')}\n[mask]\nnames = ["a b"]\n`);
    expect(await project.run(['status'])).toMatchObject({ status: 2, stderr: expect.stringContaining('mask.names is not a list of names of variables') });
  });
});

describe('run --mask', () => {
  test('[B9] both streams of the program are masked, each by itself', async () => {
    const project = await encryptedProject(SECRETS);
    const program = 'const k=process.env.API_KEY;process.stdout.write(k.slice(0,9));process.stderr.write(k.slice(9)+"\\n");process.stdout.write(k.slice(9)+"\\n");process.stderr.write("err "+k+"\\n");process.exitCode=7';
    expect(await project.run(['run', '--mask', '--', ...node(program)])).toEqual({
      status: 7, signal: null, stdout: '***\n',
      stderr: `lockfast: warning: not masked, too short or too common: PIN_KEY\nret-value\nerr ***\n`.replace('ret-value', 'zq-9931-secret-value'.slice(9)),
    });
  });

  test('[B9] input, arguments and environment reach the program as without it', async () => {
    const project = await encryptedProject('A_KEY=zq-9931-secret-value\n');
    const program = ['sh', '-c', 'cat; echo "$0 $1 ${LOCKFAST_KEY_SOURCE-none} $A_KEY"', "it's", 'a b'];
    expect(await project.run(['run', '--mask', '--', ...program], { input: 'typed\0bytes ' })).toMatchObject({ status: 0, stdout: "typed\0bytes it's a b none ***\n", stderr: '' });
  });

  test('[B9] a value of the environment that wins over the file is masked, too', async () => {
    const project = await encryptedProject('A_KEY=zq-9931-secret-value\n');
    expect(await project.run(['run', '--mask', '--', 'sh', '-c', 'echo $A_KEY zq-9931-secret-value'], { env: { A_KEY: 'from-outside-1' } })).toMatchObject({ stdout: '*** ***\n' });
  });

  test.each([
    ['a status', 'exit 42', { status: 42, signal: null }],
    ['a signal', 'kill -TERM $$', { status: null, signal: 'SIGTERM' }],
    ['SIGKILL', 'kill -KILL $$', { status: null, signal: 'SIGKILL' }],
  ])('[B9] ends as the program did: %s', async (_what, script, end) => {
    const project = await encryptedProject('A_KEY=zq-9931-secret-value\n');
    expect(await project.run(['run', '--mask', '--', 'sh', '-c', `echo $A_KEY; ${script}`])).toMatchObject({ ...end, stdout: '***\n' });
  });

  test('[B9] signals reach the program', async () => {
    const project = await encryptedProject('A_KEY=zq-9931-secret-value\n');
    const child = started(project, ['run', '--mask', '--', 'sh', '-c', 'trap "echo got $A_KEY; exit 5" TERM; echo ready; while :; do sleep 0.1; done']);
    const output = text(child.stdout);
    await new Promise((resolve) => child.stdout.once('readable', resolve));
    child.kill('SIGTERM');
    const status = await new Promise((resolve) => child.on('close', resolve));
    expect([status, await output]).toEqual([5, 'ready\ngot ***\n']);
  });

  test('[B9] a program whose output nobody reads any more is told so', async () => {
    const project = await encryptedProject('A_KEY=zq-9931-secret-value\n');
    const { stdout } = spawnSync('bash', ['-c', '"$0" "$1" run --mask -- yes | head -n 1; echo "${PIPESTATUS[*]}"', process.execPath, LOCKFAST], { cwd: project.directory, env: project.env, encoding: 'utf8' });
    expect(stdout).toBe('y\n141 0\n');
  });

  test('[B9] it may open its streams again by their names', async () => {
    const project = await encryptedProject('A_KEY=zq-9931-secret-value\n');
    expect(await project.run(['run', '--mask', '--', 'sh', '-c', 'echo out $A_KEY >/dev/stdout; echo err $A_KEY >/dev/stderr'])).toMatchObject({ stdout: 'out ***\n', stderr: 'err ***\n' });
  });

  test.each([
    ['missing-program', 127],
    ['/etc/passwd', 126],
  ])('[B9] a program that can not be run: %s', async (program, status) => {
    const project = await encryptedProject('A_KEY=zq-9931-secret-value\n');
    expect(await project.run(['run', '--mask', '--', program])).toMatchObject({ status });
  });
});

test('[S6] should a failure of Lockfast quote a secret after all, it is masked', async () => {
  // The name of the program is the secret: no message of ours has a better one.
  const project = await encryptedProject('A_KEY=zq-9931-secret-value\n');
  expect(await project.run(['run', '--', '/zq-9931-secret-value'])).toMatchObject({ status: 127, stderr: expect.stringContaining('there is no file "/***"') });
});
