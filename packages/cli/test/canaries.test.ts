/**
 * Secrets that would be noticed: they stand in env files and in the root key, and after every command, done or refused,
 * they may be nowhere but there: not in what it printed, not in any file, not in the arguments or the environment of a
 * program that it started.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { appendFileSync, chmodSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { missingForTracing } from '@lockfast/testkit';
import { expect, test } from 'vitest';

import { type Around, encryptedProject, LOCKFAST, type Project } from './support/project.ts';
import { withChecksum } from './support/tampering.ts';

const CANARY = 'canary7f3a9be1c0d4';
const ENV = `# note ${CANARY}\nA=${CANARY}\nexport B="two ${CANARY}"\nC='${CANARY}\nmore'\n`;

/** A secret as it is, and as programs write it. Base64 at all three alignments, without what its neighbours change. */
function disguises(secret: string): string[] {
  const bytes = Buffer.from(secret);
  const base64 = [0, 1, 2].map((shift) => Buffer.concat([Buffer.alloc(shift), bytes]).toString('base64').slice(shift === 0 ? 0 : shift + 1).replace(/.{0,2}=*$/, ''));
  return [...new Set([secret, bytes.toString('hex'), ...base64, ...base64.map((text) => text.replaceAll('+', '-').replaceAll('/', '_'))])];
}

function found(text: string | Buffer, secrets: readonly string[]): string[] {
  return secrets.filter((secret) => text.includes(secret));
}

/** Every file of the test that holds one of `secrets`, but for those named. */
function filesWith(project: Project, secrets: readonly string[], allowed: readonly string[]): string[] {
  return [project.base, project.runtime].flatMap((directory) =>
    readdirSync(directory, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name))
      .filter((path) => !allowed.includes(path) && found(readFileSync(path), secrets).length > 0),
  );
}

async function planted(): Promise<{ project: Project; root: string; secrets: string[]; around: Around }> {
  const project = await encryptedProject(ENV);
  const root = readFileSync(project.rootKey, 'utf8').trim();
  const temporary = join(project.base, 'tmp');
  mkdirSync(temporary);
  return { project, root, secrets: [CANARY, root].flatMap(disguises), around: { env: { TMPDIR: temporary, LOCKFAST_KEY_SOURCE: 'env:ROOT', ROOT: root, EDITOR: 'true' } } };
}

test('[E1] [E5] no command prints a secret that it was not asked for, and none leaves one in a file', { timeout: 120_000 }, async () => {
  const { project, root, secrets, around } = await planted();
  const file = project.path('.env.encrypted');
  const git = (...args: string[]): void => void execFileSync('git', ['-c', 'user.name=x', '-c', 'user.email=x@example.invalid', ...args], { cwd: project.directory, env: project.env });
  git('init', '--quiet');
  git('add', '-A');
  git('commit', '--quiet', '-m', 'first');
  const allowed = [project.rootKey];
  const said: string[] = [];
  const statuses = new Map<number, number>();

  const check = async (args: readonly string[], more: Around = {}): Promise<void> => {
    const outcome = await project.run(args, { ...around, ...more, env: { ...around.env, ...more.env } });
    const name = `lockfast ${args.join(' ')} (exit ${outcome.status})`;
    expect([outcome.signal, found(outcome.stdout + outcome.stderr, secrets)], `${name}: ${outcome.stderr}`).toEqual([null, []]);
    expect(filesWith(project, secrets, allowed), name).toEqual([]);
    expect(outcome.stderr, name).not.toContain('defect');
    statuses.set(outcome.status!, (statuses.get(outcome.status!) ?? 0) + 1);
    said.push(outcome.stdout + outcome.stderr);
  };
  /** With a file for the time of one command. */
  const withFile = async (name: string, content: string, args: readonly string[], more?: Around): Promise<void> => {
    const path = project.write(name, content);
    allowed.push(path);
    await check(args, more);
    execFileSync('rm', ['-f', path]);
    allowed.pop();
  };

  // What goes well.
  await check(['status']);
  await check(['status', '--json']);
  await check(['doctor']);
  await check(['doctor', '--json']);
  await check(['env', 'verify']);
  await check(['env', 'verify', '--json']);
  await check(['env', 'list']);
  await check(['env', 'list', '--json']);
  await check(['env', 'set', 'D'], { input: `four ${CANARY}` });
  await check(['env', 'set', 'D'], { input: `four ${CANARY}` });
  await check(['env', 'diff']);
  await check(['env', 'diff', 'HEAD', '--json']);
  await withFile('.env', `${ENV}E=5${CANARY}\n`, ['env', 'diff', '--against', '.env']);
  await withFile('.env', `${ENV}E=5${CANARY}\n`, ['env', 'list', '.env']);
  await withFile('.env', `${ENV}E=5${CANARY}\n`, ['env', 'encrypt', '--keep']);
  await withFile('.env', `${ENV}E=6${CANARY}\n`, ['env', 'encrypt', '--json']);
  await check(['env', 'encrypt', '-'], { input: ENV });
  await check(['env', 'encrypt', '-', '--out', 'piped.env.encrypted'], { input: ENV });
  await check(['env', 'unset', 'E']);
  await check(['env', 'edit']);
  await check(['env', 'merge', '--install']);
  await check(['key', 'list']);
  await check(['key', 'list', '--json']);
  await check(['key', 'create']);
  await check(['key', 'source', 'list']);
  await check(['key', 'source', 'add', 'env:SECOND'], { env: { SECOND: root } });
  await check(['key', 'source', 'remove', 'env:SECOND'], { env: { SECOND: root, LOCKFAST_KEY_SOURCE: `file:${project.rootKey}` } });
  await check(['run', '--', 'true']);
  await check(['run', '--only', 'A', '--', 'sh', '-c', 'echo ${#A} ${ROOT-none}']);

  // What is refused.
  await check(['init']);
  await check(['env', 'set', 'D', CANARY]);
  await check(['env', 'set', `D=${CANARY}`]);
  await check(['env', 'set', 'D', `--${CANARY}`]);
  await check(['env', 'set', 'D', `--value=${CANARY}`]);
  await check([CANARY]);
  await check(['env', 'convert', '--from', 'fernet', '--key', CANARY, '.env.encrypted']);
  await check(['env', 'convert', '--from', 'fernet', '.env.encrypted', '--out', 'x', '--key', 'env:A'], { env: { A: CANARY } });
  await check(['env', 'set', 'D'], { input: Buffer.concat([Buffer.from(CANARY), Buffer.from([0xff])]) });
  await check(['env', 'set', 'ROOT'], { input: root });
  await check(['env', 'get', 'NO_SUCH']);
  await check(['env', 'list', 'missing.encrypted']);
  await check(['run', '--', 'no-such-program']);
  await check(['run', '--', 'sh', '-c', 'exit 9']);
  await check(['run', '--only', CANARY, '--', 'true']);
  await check(['env', 'list'], { env: { LOCKFAST_KEY_SOURCE: root } });
  await check(['doctor'], { env: { LOCKFAST_KEY_SOURCE: root } });
  await check(['env', 'list'], { env: { ROOT: `${root.slice(0, -1)}${root.endsWith('A') ? 'B' : 'A'}` } });
  await check(['env', 'list'], { env: { ROOT: CANARY } });
  await check(['key', 'source', 'add', root]);
  await check(['env', 'list', '--tenant', 'other']);
  await withFile('.env', `ROOT=${root}\n`, ['env', 'encrypt']);
  await withFile('.env', `A=lfv1.abcdef.${CANARY}\nPATH=${CANARY}\n`, ['env', 'encrypt', '--out', 'bad.encrypted']);
  await check(['run', '--file', 'bad.encrypted', '--', 'true']);
  for (const dialect of ['node', 'dotenv', 'python', 'docker', 'systemd', 'compose', 'shell']) {
    await withFile('.env', `A="never closed ${CANARY}\n${CANARY} ${CANARY}\nB=$(${CANARY}) \${${CANARY}?${CANARY}}\n`, ['env', 'list', '.env', '--dialect', dialect]);
  }
  await withFile('.env', `A="never closed ${CANARY}\n${CANARY} ${CANARY}\nB=$(${CANARY}) \${X?${CANARY}}\n\0`, ['env', 'encrypt', '--out', 'odd.encrypted']);
  for (const dialect of ['node', 'compose', 'shell']) await check(['run', '--file', 'odd.encrypted', '--dialect', dialect, '--', 'true']);
  for (const editor of ['false', `sh -c 'echo "X=${CANARY}" >> "$1"; exit 1' x`, `sh -c 'echo "ROOT=$(cat ${project.rootKey})" >> "$1"' x`, `sh -c 'cp "$1" "$1~"; rm "$1"' x`]) {
    await check(['env', 'edit'], { env: { EDITOR: editor } });
  }
  const ring = project.read('.lockfast/keyring.json');
  project.write('.lockfast/keyring.json', ring.toString().replace('"active"', '"retired"'));
  await check(['env', 'list']);
  project.write('.lockfast/keyring.json', ring.subarray(0, 200));
  await check(['env', 'list', '--json']);
  project.write('.lockfast/keyring.json', ring);
  const whole = readFileSync(file, 'utf8');
  for (const bad of [whole.slice(0, 200), whole.replace('A=', 'Z='), withChecksum(whole.replace('A=', 'Z=')), '']) {
    chmodSync(file, 0o600);
    writeFileSync(file, bad);
    for (const args of [['env', 'verify'], ['env', 'list', '--reveal'], ['env', 'decrypt'], ['run', '--', 'true'], ['status']]) await check(args);
  }
  writeFileSync(file, whole);
  const toml = project.path('lockfast.toml');
  allowed.push(toml);
  appendFileSync(toml, `\npassword = "${CANARY}\n`);
  await check(['status']);
  appendFileSync(toml, `"\n${CANARY} = 1\n`);
  await check(['status']);
  project.write('lockfast.toml', `environment = "production"\nkeyring = ".lockfast/keyring.json"\nkey-source = "${root}"\n`);
  await check(['env', 'list'], { env: { LOCKFAST_KEY_SOURCE: '' } });
  await check(['doctor'], { env: { LOCKFAST_KEY_SOURCE: '' } });

  // The list above is only worth something if commands of both kinds ran.
  expect(statuses.get(0)).toBeGreaterThan(25);
  expect([...statuses.keys()].toSorted((a, b) => a - b)).toEqual([0, 1, 2, 3, 4, 5, 9, 127]);
  expect(said.join('').length).toBeGreaterThan(10_000);
});

test('[E14] [W8] [B12] bug class 1: no root key, passphrase, share or value is where it should not be, whatever is done with keys, or fails', { timeout: 240_000 }, async () => {
  const project = await encryptedProject(ENV);
  const passphrase = 'passcanary battery staple 8c1e';
  const allowed = new Set<string>([project.rootKey, project.write('passphrase', passphrase), project.write('wrong', `${passphrase} but another`)]);
  const secrets = new Set([CANARY, passphrase, readFileSync(project.rootKey, 'utf8').trim()].flatMap(disguises));
  appendFileSync(project.path('lockfast.toml'), '\n[tenants]\npath = "tenants/{tenant}"\n\n[log]\ntext = "lockfast.log"\n');
  /** New root keys and shares are secrets, too, and stand in the files that were asked for, alone. */
  const learn = (directory: string): void => {
    for (const name of readdirSync(project.path(directory))) {
      const path = project.path(`${directory}/${name}`);
      if (!/\.(?:key|share)$/.test(name) || allowed.has(path)) continue;
      allowed.add(path);
      for (const secret of disguises(readFileSync(path, 'utf8').trim())) secrets.add(secret);
    }
  };
  const check = async (args: readonly string[], more: Around = {}): Promise<string> => {
    const { status, stdout, stderr } = await project.run(args, more);
    learn('out');
    const name = `lockfast ${args.join(' ')} (exit ${status}): ${stderr}`;
    expect(found(stdout + stderr, [...secrets]), name).toEqual([]);
    expect(filesWith(project, [...secrets], [...allowed]), name).toEqual([]);
    expect(stderr, name).not.toContain('defect');
    return stdout;
  };
  mkdirSync(project.path('out'));
  const root = readFileSync(project.rootKey, 'utf8').trim();
  const backup = ['--passphrase-file', 'passphrase', '--kdf', 'pbkdf2-sha256'];
  const wrong = { env: { LOCKFAST_KEY_SOURCE: 'env:ROOT', ROOT: `${root.slice(0, -1)}${root.endsWith('A') ? 'B' : 'A'}` } };

  const [first] = (JSON.parse(await check(['key', 'list', '--json'])) as { keys: { id: string }[] }).keys;
  await check(['key', 'split', '--shares', '3', '--threshold', '2', '--out', 'out', '--json']);
  const shares = readdirSync(project.path('out')).map((name) => `out/${name}`);
  expect(shares).toHaveLength(3);
  await check(['key', 'backup', 'ring.backup', ...backup]);
  await check(['key', 'combine', ...shares, '--new-key-out', 'out/combined.key']);
  await check(['key', 'rewrap', '--new-key-out', 'out/rewrapped.key', '--json']);
  await check(['key', 'restore', 'ring.backup', '--passphrase-file', 'passphrase', '--drill', '--json']);
  await check(['key', 'rotate', '--root', '--new-key-out', 'out/rotated.key', '--drop-unreachable', '--reason', 'quarterly', '--json']);
  for (const args of [['key', 'usage'], ['key', 'retire', first!.id], ['key', 'departure', '--reason', 'left'], ['backup', 'list', '--json'], ['status', '--json'], ['doctor', '--json']]) await check(args);
  for (const format of ['bundle', 'jsonl', 'csv']) await check(['ledger', 'export', '--format', format, '--out', `out/ledger.${format}`]);
  await check(['ledger', 'list', '--json']);
  await check(['ledger', 'verify', '--backup', 'ring.backup', '--passphrase-file', 'passphrase', '--json']);

  // What fails, is refused, or was pasted in the wrong place.
  const share = readFileSync(project.path(shares[0]!), 'utf8').trim();
  for (const args of [
    ['key', 'restore', 'ring.backup', '--passphrase-file', 'wrong', '--force'],
    ['key', 'combine', shares[0]!, '--new-key-out', 'out/x.key'],
    ['key', 'combine', ...shares, '--new-key-out', 'out/x.key'],
    ['key', 'restore', '--shares', ...shares],
    ['key', 'source', 'remove', root],
    ['key', 'source', 'add', root],
    ['key', 'source', 'add', `env:${root}`],
    ['key', 'rewrap', '--to', root],
    ['key', 'restore', 'ring.backup', '--key-source', root, '--passphrase-file', 'passphrase', '--force'],
    ['key', 'retire', root], ['key', 'usage', share], ['key', 'activate', passphrase], ['key', 'approve', root],
    ['key', 'export', root, '--format', 'fernet', '--reason', 'r'], ['key', 'export', '--format', root, '--reason', 'r'],
    ['key', 'backup', 'x.backup', '--kdf', passphrase, '--passphrase-file', 'passphrase'],
    ['key', 'split', '--shares', root, '--threshold', '2', '--out', 'out'],
    ['key', 'accept-older', '--above', root, '--reason', 'r'],
    ['backup', 'prune', '--older-than', passphrase],
    ['ledger', 'list', '--since', root], ['ledger', 'verify', '--public-key', root], ['ledger', 'verify', '--witness-key', root],
    ['env', 'unset', root], ['env', 'get', root],
    ['ledger', 'create', '--owner', root, '--role', 'r'],
  ]) {
    await check(args);
    await check([...args, '--json']);
  }
  for (const args of [['key', 'rotate'], ['key', 'rewrap', '--new-key-out', 'out/y.key'], ['key', 'backup', 'y.backup', ...backup], ['key', 'split', '--shares', '2', '--threshold', '2', '--out', 'out'], ['env', 'verify'], ['env', 'edit']]) await check(args, wrong);
  await check(['env', 'list', '--break-glass', '--reason', 'urgent'], { env: { LOCKFAST_LEDGER: `sqlite:${project.path('lockfast.log')}` } });
  // The notes of it were looked at with all other files.
  expect(readdirSync(join(project.state, 'break-glass'))).toHaveLength(1);
  await check(['env', 'list']);
});

test('the disguises are found', () => {
  for (const pad of ['', 'x', 'xy']) expect(found(Buffer.from(`${pad}${CANARY}yz`).toString('base64'), disguises(CANARY))).toHaveLength(1);
  expect(found(Buffer.from(CANARY).toString('hex'), disguises(CANARY))).toHaveLength(1);
});

interface Started {
  readonly program: string;
  readonly words: string;
  readonly environment: string;
}

/** The programs that a command starts, with all of their arguments and environment. The command itself is left out. */
function programsOf(project: Project, args: readonly string[], env: NodeJS.ProcessEnv): Started[] {
  const trace = join(project.base, 'trace');
  const { status } = spawnSync('strace', ['-f', '-v', '-s', '100000', '-e', 'trace=execve', '-o', trace, '--', process.execPath, LOCKFAST, ...args], { cwd: project.directory, env: { ...project.env, ...env }, input: 'value' });
  expect(status, args.join(' ')).toBe(0);
  const started = readFileSync(trace, 'utf8').split('\n').flatMap((line) => {
    const [, program, words, environment] = /execve\("((?:[^"\\]|\\.)*)", \[(.*?)\], \[(.*)\](?:\) = 0| <unfinished \.\.\.>)$/.exec(line) ?? [];
    return program === undefined ? [] : [{ program, words: words!, environment: environment! }];
  });
  return started.slice(1);
}

const missing = missingForTracing();

test.skipIf(missing !== undefined)(`[S2] [B1] programs that are started get no secret in their arguments, and never the root key${missing === undefined ? '' : ` (${missing})`}`, async () => {
  const { project, root, secrets, around } = await planted();
  execFileSync('git', ['init', '--quiet'], { cwd: project.directory });
  execFileSync('git', ['add', '-A'], { cwd: project.directory });
  execFileSync('git', ['-c', 'user.name=x', '-c', 'user.email=x@y', 'commit', '--quiet', '-m', 'x'], { cwd: project.directory });
  const env = { ...around.env, OTHER_SECRET: CANARY };
  const commands: [string[], RegExp][] = [
    [['env', 'diff'], /git$/],
    [['env', 'edit'], /sh$/],
    [['env', 'merge', '--install'], /git$/],
    [['doctor'], /git$/],
    [['init', '--dir', 'other', '--key-source', 'env:ROOT'], /git$/],
  ];
  for (const [args, expected] of commands) {
    const started = programsOf(project, args, env);
    expect(started.length, args.join(' ')).toBeGreaterThan(0);
    for (const { program, words, environment } of started) {
      const name = `${args.join(' ')}: ${program}`;
      expect(program, name).toMatch(expected);
      expect(found(words, secrets), name).toEqual([]);
      expect(found(environment, [root, 'ROOT=', 'LOCKFAST_KEY_SOURCE']), name).toEqual([]);
      // git needs nothing of ours at all; an editor is the user's own.
      if (expected.source.startsWith('git')) expect(found(environment, secrets), name).toEqual([]);
    }
  }
  expect(programsOf(project, ['env', 'set', 'X'], env)).toEqual([]);
  expect(programsOf(project, ['env', 'encrypt', '-', '--out', 'y.encrypted'], env)).toEqual([]);

  const [child, ...others] = programsOf(project, ['run', '--', 'true'], env);
  expect(others).toEqual([]);
  expect(child).toMatchObject({ program: expect.stringMatching(/\/true$/), words: '"true"', environment: expect.stringContaining(`"A=${CANARY}"`) });
  expect(found(child!.environment, [root, 'ROOT=', 'LOCKFAST_KEY_SOURCE'])).toEqual([]);
});
