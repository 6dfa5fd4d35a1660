import { execFileSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';

import { describe, expect, onTestFinished, test } from 'vitest';

import { GitWitness } from '../../src/witnesses/git.ts';
import { newLog, scratch } from './log.ts';

const BRANCH = 'lockfast-ledger';

function environmentOf(home: string): Record<string, string> {
  return { PATH: process.env['PATH'] ?? '/usr/bin:/bin', HOME: home, GIT_CONFIG_NOSYSTEM: '1' };
}

function git(directory: string, ...args: string[]): string {
  return execFileSync('git', ['-c', 'user.name=test', '-c', 'user.email=test@example.com', ...args], { cwd: directory, env: environmentOf('/nowhere'), encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
}

/** A bare repository, as a server has it. */
function remote(): string {
  const directory = join(scratch(), 'remote.git');
  mkdirSync(directory);
  git(directory, 'init', '--quiet', '--bare');
  return directory;
}

function witnessOf(url: string, state = scratch()): GitWitness {
  return new GitWitness(url, state, environmentOf(scratch()), undefined);
}

describe('a git repository as witness', () => {
  test('gets a commit for each checkpoint on a branch of its own, and gives the newest back', async () => {
    const log = await newLog();
    const bare = remote();
    const witness = witnessOf(bare);
    expect(await witness.newest(log.origin)).toBeUndefined();
    for (const count of [3, 4]) {
      await log.grow(count);
      const submission = await log.submission();
      expect(await witness.submit(submission)).toEqual({ size: submission.size, cosignatures: '' });
      // Another machine reads it from the remote.
      expect(await witnessOf(bare).newest(log.origin)).toBe(submission.note);
    }
    expect(git(bare, 'rev-list', '--count', BRANCH).trim()).toBe('2');
    await witness.submit(await log.submission());
    expect(git(bare, 'rev-list', '--count', BRANCH).trim()).toBe('2');
  });

  test('other branches, other files of the branch and other ledgers stay as they are', async () => {
    const bare = remote();
    const work = scratch();
    git(work, 'clone', '--quiet', bare, 'clone');
    const clone = join(work, 'clone');
    writeFileSync(join(clone, 'README'), 'audit\n');
    git(clone, 'add', 'README');
    git(clone, 'commit', '--quiet', '-m', 'first');
    git(clone, 'push', '--quiet', 'origin', 'HEAD:main', `HEAD:${BRANCH}`);
    const [one, two] = [await newLog(), await newLog()];
    const witness = witnessOf(bare);
    for (const log of [one, two]) {
      await log.grow(2);
      await witness.submit(await log.submission());
    }
    expect(git(bare, 'show', `${BRANCH}:README`)).toBe('audit\n');
    expect(git(bare, 'ls-tree', '--name-only', BRANCH).trim().split('\n')).toHaveLength(3);
    expect(git(bare, 'rev-list', '--count', 'main').trim()).toBe('1');
    expect(await witness.newest(one.origin)).toBe((await one.submission()).note);
  });

  test('two machines push at the same time: both are there, nothing is forced', async () => {
    const bare = remote();
    const [one, two] = [await newLog(), await newLog()];
    await one.grow(2);
    await two.grow(3);
    const [first, second] = [await one.submission(), await two.submission()];
    await Promise.all([witnessOf(bare).submit(first), witnessOf(bare).submit(second)]);
    const reader = witnessOf(bare);
    expect(await reader.newest(one.origin)).toBe(first.note);
    expect(await reader.newest(two.origin)).toBe(second.note);
    expect(git(bare, 'rev-list', '--count', BRANCH).trim()).toBe('2');
  });

  test('an older checkpoint does not replace a newer one', async () => {
    const log = await newLog();
    await log.grow(6);
    const witness = witnessOf(remote());
    const newer = await log.submission();
    await witness.submit(newer);
    expect(await witness.submit(await log.submission(2))).toEqual({ size: 6, cosignatures: '' });
    expect(await witness.newest(log.origin)).toBe(newer.note);
  });

  test('[B5] a ledger that was rewritten is refused', async () => {
    const log = await newLog();
    await log.grow(5);
    const witness = witnessOf(remote());
    await witness.submit(await log.submission());
    const forged = await newLog(log);
    await forged.grow(8, 'forged');
    await expect(witness.submit(await forged.submission())).rejects.toMatchObject({ code: 'ledger-tampered' });
  });

  test('[B5] a branch that was rewritten or removed on the server is found, and not pushed over', async () => {
    const log = await newLog();
    const bare = remote();
    const witness = witnessOf(bare);
    await log.grow(2);
    await witness.submit(await log.submission());
    const first = git(bare, 'rev-parse', BRANCH).trim();
    await log.grow(2);
    await witness.submit(await log.submission());
    git(bare, 'update-ref', `refs/heads/${BRANCH}`, first);
    await expect(witness.submit(await log.submission())).rejects.toMatchObject({ code: 'witness-failed', message: expect.stringContaining('lost checkpoints') });
    git(bare, 'update-ref', '-d', `refs/heads/${BRANCH}`);
    await expect(witness.newest(log.origin)).rejects.toMatchObject({ code: 'witness-failed', message: expect.stringContaining('lost checkpoints') });
    expect(() => git(bare, 'rev-parse', '--verify', BRANCH)).toThrow();
  });

  test('bug class 13: no hook, no program of the configuration and no program of the working directory runs', async () => {
    const log = await newLog();
    await log.grow(1);
    const bare = remote();
    const home = scratch();
    const mark = join(home, 'ran');
    const evil = join(home, 'git');
    writeFileSync(evil, `#!/bin/sh\ntouch ${mark}\n`, { mode: 0o755 });
    mkdirSync(join(home, 'hooks'));
    const plant = (directory: string, hook: string): void => writeFileSync(join(directory, hook), `#!/bin/sh\ntouch ${mark}\n`, { mode: 0o755 });
    for (const hook of ['pre-push', 'post-commit', 'post-index-change']) plant(join(home, 'hooks'), hook);
    writeFileSync(join(home, '.gitconfig'), `[core]\n\thooksPath = ${home}/hooks\n\tfsmonitor = ${evil}\n`);
    const environment = { ...environmentOf(home), PATH: `.:${process.env['PATH']}`, GIT_DIR: '/nowhere', GIT_EXTERNAL_DIFF: evil };
    const state = scratch();
    await new GitWitness(bare, state, environment, undefined).submit(await log.submission());
    const clone = join(state, 'witnesses', readdirSync(join(state, 'witnesses'))[0]!);
    mkdirSync(join(clone, 'hooks'), { recursive: true });
    for (const hook of ['pre-push', 'reference-transaction', 'post-index-change']) plant(join(clone, 'hooks'), hook);
    await log.grow(1);
    await new GitWitness(bare, state, environment, undefined).submit(await log.submission());
    expect(existsSync(mark)).toBe(false);
    expect(() => new GitWitness(`ext::sh -c touch% ${mark}`, scratch(), environment, undefined)).toThrow(/URL/);
    expect(() => new GitWitness('--upload-pack=touch', scratch(), environment, undefined)).toThrow(/URL/);
    expect(existsSync(mark)).toBe(false);
  });

  test('a repository that is not there, or may not be pushed to, is a failure that names no password', async () => {
    const log = await newLog();
    await log.grow(1);
    const submission = await log.submission();
    await expect(witnessOf(join(scratch(), 'none.git')).submit(submission)).rejects.toMatchObject({ code: 'witness-failed' });
    const refused = witnessOf('https://user:hunter2@127.0.0.1:1/audit.git');
    const failure = await refused.submit(submission).catch((error: unknown) => error);
    expect(failure).toMatchObject({ code: 'witness-failed' });
    expect(JSON.stringify(failure) + (failure as Error).message).not.toContain('hunter2');
    const bare = remote();
    writeFileSync(join(bare, 'hooks/pre-receive'), '#!/bin/sh\nexit 1\n', { mode: 0o755 });
    chmodSync(join(bare, 'hooks/pre-receive'), 0o755);
    await expect(witnessOf(bare).submit(submission)).rejects.toMatchObject({ code: 'witness-failed', message: expect.stringContaining('push') });
  });

  test('a server that never answers is given up', async () => {
    const log = await newLog();
    await log.grow(1);
    const server = createServer(() => {});
    onTestFinished(() => void server.close());
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as { port: number };
    const started = performance.now();
    await expect(new GitWitness(`git://127.0.0.1:${port}/x.git`, scratch(), environmentOf(scratch()), undefined, 1500).submit(await log.submission())).rejects.toMatchObject({ code: 'witness-failed', message: expect.stringContaining('1.5 s') });
    expect(performance.now() - started).toBeLessThan(8000);
  });

  test('a clone that was removed is fetched again', async () => {
    const log = await newLog();
    const bare = remote();
    await log.grow(1);
    await witnessOf(bare).submit(await log.submission());
    await log.grow(1);
    await witnessOf(bare).submit(await log.submission());
    expect(git(bare, 'rev-list', '--count', BRANCH).trim()).toBe('2');
    expect(readFileSync(join(bare, 'HEAD'), 'utf8')).toContain('ref:');
  });
});
