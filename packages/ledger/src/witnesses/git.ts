import { createHash, randomBytes } from 'node:crypto';
import { rmSync } from 'node:fs';
import { join } from 'node:path';

import { LockfastError } from '@lockfast/core/errors';
import { ensureDirectory, withFileLock } from '@lockfast/core/files';

import { advances } from './advance.ts';
import { checkpointFile, heldCheckpoint, witnessFailure } from './checkpoint-file.ts';
import { findProgram, type ProgramEnd, runProgram } from './program.ts';
import { isOnDiskOf, SAME_DISK } from './same-disk.ts';
import type { Receipt, Submission, Witness } from './witness.ts';

type Environment = Readonly<Record<string, string | undefined>>;

/** A branch of our own: it lives beside anything else in that repository. */
const BRANCH = 'refs/heads/lockfast-ledger';
/** What was fetched, before it is known to follow on what was there. */
const SEEN = 'refs/lockfast/seen';

const TRANSPORTS = ['https', 'http', 'ssh', 'git', 'file'];
/** No programs of a repository's configuration or hooks; no transport that runs one (`ext::`); nothing asks. */
const HARMLESS = ['core.fsmonitor=false', 'core.hooksPath=/dev/null', 'core.askPass=', 'credential.interactive=false', 'gc.auto=0', 'maintenance.auto=false', 'protocol.allow=never', ...TRANSPORTS.map((name) => `protocol.${name}.allow=always`)].flatMap((setting) => ['-c', setting]);

/** What git and its ssh need of an environment. GIT_DIR and its like would lead elsewhere; the rest may hold a root key. */
const PASSED = /^(?:PATH|HOME|USER|LOGNAME|XDG_CONFIG_HOME|TMPDIR|LANG|LC_[A-Z]+|SSH_AUTH_SOCK|GIT_SSH|GIT_SSH_COMMAND|GIT_CONFIG_NOSYSTEM|GIT_CONFIG_GLOBAL|HTTPS?_PROXY|https?_proxy|NO_PROXY|no_proxy)$/;

const PATIENCE_MS = 60_000;

/** How often another machine may push between our fetch and our push. */
const TRIES = 4;

/**
 * A branch of a git remote, with one file for each origin. It is only ever added to: no push is forced, and a branch that
 * was rewritten is a failure. The clone is bare, in the state directory: no work tree, so no filters and attributes.
 */
export class GitWitness implements Witness {
  readonly name: string;
  readonly readable = true;
  readonly #url: string;
  readonly #clone: string;
  readonly #stateDirectory: string;
  readonly #ledgerFile: string | undefined;
  readonly #environment: Environment;
  readonly #patienceMs: number;

  /**
   * @param url as git takes it; a local path must be absolute
   * @param ledgerFile where the ledger lies, if it is a file of this machine
   * @throws LockfastError `config-invalid`
   */
  constructor(url: string, stateDirectory: string, environment: Environment, ledgerFile: string | undefined, patienceMs: number = PATIENCE_MS) {
    // Git would read the first as an option, and run a program for the second.
    if (!/^(?:(?:https?|ssh|git|file):\/\/|\/|[A-Za-z0-9._-]+(?:@[A-Za-z0-9._-]+)?:(?!:))/.test(url)) {
      throw new LockfastError('config-invalid', 'the URL of a git witness is none that is taken', 'write https://..., ssh://..., user@host:path or an absolute path');
    }
    this.name = `the git repository ${shownUrl(url)}`;
    this.#url = url;
    this.#stateDirectory = stateDirectory;
    this.#ledgerFile = ledgerFile;
    this.#clone = join(stateDirectory, 'witnesses', `${createHash('sha256').update(url).digest('hex').slice(0, 16)}.git`);
    this.#environment = {
      GIT_SSH_COMMAND: 'ssh -oBatchMode=yes',
      ...Object.fromEntries(Object.entries(environment).filter(([name]) => PASSED.test(name))),
      GIT_TERMINAL_PROMPT: '0',
      GIT_AUTHOR_NAME: 'lockfast',
      GIT_AUTHOR_EMAIL: 'lockfast@localhost',
      GIT_COMMITTER_NAME: 'lockfast',
      GIT_COMMITTER_EMAIL: 'lockfast@localhost',
    };
    this.#patienceMs = patienceMs;
  }

  get warning(): string | undefined {
    const path = this.#url.replace(/^file:\/\//, '');
    return path.startsWith('/') && isOnDiskOf(this.#ledgerFile, path) ? SAME_DISK : undefined;
  }

  async newest(origin: string): Promise<string | undefined> {
    return this.#inClone(async (deadline) => {
      const commit = await this.#fetch(deadline);
      const note = commit === undefined ? undefined : await this.#held(commit, origin, deadline);
      if (note !== undefined) heldCheckpoint(note, this.name);
      return note;
    });
  }

  async submit(submission: Submission): Promise<Receipt> {
    return this.#inClone(async (deadline) => {
      for (let tries = 1; ; tries += 1) {
        const parent = await this.#fetch(deadline);
        const note = parent === undefined ? undefined : await this.#held(parent, submission.origin, deadline);
        const held = note === undefined ? undefined : heldCheckpoint(note, this.name);
        if (!(await advances(held, submission, this.name))) return { size: held!.size, cosignatures: '' };
        const commit = await this.#commit(parent, submission, deadline);
        // Without force: who was faster is never overwritten.
        const { status } = await this.#git(['push', '--quiet', '--no-verify', '--', this.#url, `${commit}:${BRANCH}`], deadline);
        if (status === 0) {
          await this.#must(['update-ref', BRANCH, commit], deadline);
          return { size: submission.size, cosignatures: '' };
        }
        if (tries === TRIES) throw this.#failed('does not take a push', 'see that this machine may push to its branch lockfast-ledger');
      }
    });
  }

  /** Brings the clone up to date. @returns the commit that the branch is at, if there is one */
  async #fetch(deadline: number): Promise<string | undefined> {
    const unreachable = (): LockfastError => this.#failed('can not be reached', 'see that `git ls-remote` works for it as this user, without a question');
    const listed = await this.#git(['ls-remote', '--quiet', '--refs', '--', this.#url, BRANCH], deadline);
    if (listed.status !== 0) throw unreachable();
    const remote = /^[0-9a-f]{40,64}(?=\t)/.exec(listed.stdout.toString('latin1'))?.[0];
    const before = await this.#git(['rev-parse', '--verify', '--quiet', BRANCH], deadline);
    const known = before.status === 0 ? before.stdout.toString('latin1').trim() : undefined;
    const rewritten = (): LockfastError => this.#failed('lost checkpoints that it had: its branch lockfast-ledger was rewritten or removed', 'find out who did it; this machine still has them in its state directory');
    if (remote === undefined) {
      if (known !== undefined) throw rewritten();
      return undefined;
    }
    if (remote === known) return known;
    const fetched = await this.#git(['fetch', '--quiet', '--no-tags', '--no-write-fetch-head', '--no-recurse-submodules', '--', this.#url, `+${BRANCH}:${SEEN}`], deadline);
    if (fetched.status !== 0) throw unreachable();
    if (known !== undefined && (await this.#git(['merge-base', '--is-ancestor', known, SEEN], deadline)).status !== 0) throw rewritten();
    const commit = (await this.#must(['rev-parse', '--verify', `${SEEN}^{commit}`], deadline)).toString('latin1').trim();
    await this.#must(['update-ref', BRANCH, commit], deadline);
    return commit;
  }

  async #held(commit: string, origin: string, deadline: number): Promise<string | undefined> {
    const { status, stdout } = await this.#git(['cat-file', 'blob', `${commit}:${checkpointFile(origin)}`], deadline);
    return status === 0 ? stdout.toString('utf8') : undefined;
  }

  /** A commit with the note in it and all other files as they were. */
  async #commit(parent: string | undefined, { note, origin, size }: Submission, deadline: number): Promise<string> {
    const blob = (await this.#must(['hash-object', '-w', '--stdin'], deadline, note)).toString('latin1').trim();
    const index = join(this.#clone, `index-${randomBytes(8).toString('hex')}`);
    try {
      const within = { GIT_INDEX_FILE: index };
      await this.#must(parent === undefined ? ['read-tree', '--empty'] : ['read-tree', parent], deadline, '', within);
      await this.#must(['update-index', '--add', '--cacheinfo', `100644,${blob},${checkpointFile(origin)}`], deadline, '', within);
      const tree = (await this.#must(['write-tree'], deadline, '', within)).toString('latin1').trim();
      const parents = parent === undefined ? [] : ['-p', parent];
      return (await this.#must(['commit-tree', '--no-gpg-sign', tree, ...parents], deadline, `${origin}: ${size} entries\n`)).toString('latin1').trim();
    } finally {
      rmSync(index, { force: true });
    }
  }

  async #inClone<T>(action: (deadline: number) => Promise<T>): Promise<T> {
    const deadline = performance.now() + this.#patienceMs;
    ensureDirectory(join(this.#stateDirectory, 'witnesses'));
    try {
      return await withFileLock(this.#stateDirectory, this.#clone, async () => {
        await this.#must(['init', '--quiet', '--bare', '--template=', '--', this.#clone], deadline);
        return action(deadline);
      });
    } catch (error) {
      throw witnessFailure(error, this.name);
    }
  }

  async #must(args: readonly string[], deadline: number, input = '', more: Environment = {}): Promise<Buffer> {
    const { status, stdout } = await this.#git(args, deadline, input, more);
    if (status !== 0) throw this.#failed(`could not be worked with: \`git ${args[0]}\` failed in its clone`, `see that the disk has room; ${this.#clone} may be removed, it is fetched again`);
    return stdout;
  }

  async #git(args: readonly string[], deadline: number, input = '', more: Environment = {}): Promise<ProgramEnd> {
    const patience = Math.max(1, deadline - performance.now());
    const program = findProgram('git', this.#environment['PATH']);
    const end = await runProgram({ program, args: [...HARMLESS, `--git-dir=${this.#clone}`, ...args], environment: { ...this.#environment, ...more }, input }, patience);
    if (end.stopped === 'time') throw this.#failed(`did not answer within ${this.#patienceMs / 1000} s`, 'see that `git ls-remote` works for it as this user, without a question');
    if (end.stopped === 'output') throw this.#failed('holds a file that is too large to be a checkpoint', 'see who else writes to its branch lockfast-ledger');
    return end;
  }

  #failed(what: string, hint: string): LockfastError {
    return new LockfastError('witness-failed', `${this.name} ${what}`, hint);
  }
}

/** A URL may hold a user name and a token. */
function shownUrl(url: string): string {
  return url.replace(/^([a-z]+:\/\/)[^/@]*@/i, '$1');
}
