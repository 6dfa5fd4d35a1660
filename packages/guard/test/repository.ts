/** A real git repository of a test's own. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';

import { onTestFinished } from 'vitest';

import type { GitPlace } from '../src/index.ts';

export class Repository {
  readonly base: string;
  readonly directory: string;

  constructor() {
    this.base = mkdtempSync(join(realpathSync.native(tmpdir()), 'lockfast-guard-'));
    onTestFinished(() => rmSync(this.base, { recursive: true, force: true }));
    this.directory = join(this.base, 'repository');
    mkdirSync(this.directory);
    this.git('init', '--quiet', '--initial-branch=main');
  }

  get environment(): Record<string, string> {
    const person = { GIT_AUTHOR_NAME: 'a', GIT_AUTHOR_EMAIL: 'a@example.invalid', GIT_COMMITTER_NAME: 'a', GIT_COMMITTER_EMAIL: 'a@example.invalid' };
    return { PATH: process.env['PATH']!, HOME: this.base, GIT_CONFIG_NOSYSTEM: '1', LC_ALL: 'C.UTF-8', ...person };
  }

  get place(): GitPlace {
    return { directory: this.directory, environment: this.environment };
  }

  git(...args: readonly string[]): string {
    return this.gitWith('', ...args);
  }

  gitWith(input: string | Uint8Array, ...args: readonly string[]): string {
    return execFileSync('git', args, { cwd: this.directory, env: this.environment, input, encoding: 'utf8', stdio: ['pipe', 'pipe', 'pipe'] }).replace(/\n$/, '');
  }

  write(path: string, content: string | Uint8Array): void {
    const whole = join(this.directory, path);
    mkdirSync(dirname(whole), { recursive: true });
    writeFileSync(whole, content);
  }

  commit(message = 'work'): string {
    this.git('add', '--all', '--force');
    this.gitWith(message, 'commit', '--quiet', '--allow-empty', '--file=-');
    return this.git('rev-parse', 'HEAD');
  }
}
