/** What is looked into: the index, the work tree, history, a range of commits. */
import { createHash } from 'node:crypto';
import { existsSync, lstatSync, readFileSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';

import { LockfastError } from '@lockfast/core/errors';
import { shownPath } from '@lockfast/core/files';

import type { Finding } from './finding.ts';
import { askGit, gitLine, gitList, type GitPlace } from './git.ts';
import { commitsOf, type Placed, placesIn, treeEntries } from './history.ts';
import { objectKinds, readObjects } from './objects.ts';
import type { Origin, Scanner } from './scanner.ts';

export interface ScanResult {
  readonly findings: readonly Finding[];
  /** Files, blobs and messages that were looked into. */
  readonly scanned: number;
  readonly bytes: number;
  /** What was not looked into, and why: `libs/other: a submodule`. */
  readonly notScanned: readonly string[];
}

/** `usual`: work tree and index. */
export type Scope =
  | { readonly kind: 'usual' | 'staged' | 'worktree' | 'history' }
  | { readonly kind: 'range'; readonly range: string }
  /** What a push would bring to the remote of that name. */
  | { readonly kind: 'push'; readonly remote: string; readonly refs: readonly PushedRef[] };

/** A line that git gives a pre-push hook. */
export interface PushedRef {
  readonly localId: string;
  /** What it is called there: `refs/heads/main`. */
  readonly remoteName: string;
  readonly remoteId: string;
}

/** A name that holds a secret is not shown. */
const NAMELESS = '(a name)';
const SUBMODULE = '160000';
/** Larger than what is read at once. */
const MOST_BYTES = 512 * 1024 * 1024;

/**
 * @param place the root of a work tree, or a bare repository for `history` and `range`
 * @throws LockfastError `not-found` where there is no repository, or no such commit; `tool-missing`, `tool-failed`
 */
export async function scan(place: GitPlace, scope: Scope, scanner: Scanner): Promise<ScanResult> {
  const run = new Run(place, scanner);
  if (scope.kind === 'staged') await run.staged();
  else if (scope.kind === 'history') await run.history(['--all', ...olderStashes(place)]);
  else if (scope.kind === 'range') await run.history(rangeArguments(place, scope.range));
  else if (scope.kind === 'push') await run.pushed(scope.remote, scope.refs);
  else {
    await run.worktree();
    if (scope.kind === 'usual') await run.changedInIndex();
  }
  return run.result();
}

/**
 * {@link scan}, and the same for the submodules that are checked out, theirs included. Of an index or a push only the
 * repository itself is looked into.
 */
export async function scanRecursively(place: GitPlace, scope: Scope, scanner: Scanner): Promise<ScanResult> {
  const own = await scan(place, scope, scanner);
  if (scope.kind !== 'usual' && scope.kind !== 'worktree' && scope.kind !== 'history') return own;
  const results = [own];
  const done = new Set<string>();
  for (const path of submodulesOf(place)) {
    const inner = { directory: join(place.directory, path), environment: Object.fromEntries(Object.entries(place.environment).filter(([name]) => !name.startsWith('GIT_'))) };
    // Without a `.git` of its own it is not checked out, and git would answer for the repository around it.
    if (!existsSync(join(inner.directory, '.git')) || gitLine(inner, ['rev-parse', '--show-cdup']) !== '') continue;
    const { findings, notScanned, ...counts } = await scanRecursively(inner, scope, scanner);
    const below = (name: string): string => (name.startsWith('(') ? name : `${path}/${name}`);
    results.push({ ...counts, findings: findings.map((finding) => ({ ...finding, path: below(finding.path) })), notScanned: notScanned.map((name) => `${path}/${name}`) });
    done.add(`${path}: a submodule`);
  }
  return {
    findings: results.flatMap(({ findings }) => findings),
    scanned: results.reduce((sum, { scanned }) => sum + scanned, 0),
    bytes: results.reduce((sum, { bytes }) => sum + bytes, 0),
    notScanned: results.flatMap(({ notScanned }) => notScanned).filter((what) => !done.has(what)),
  };
}

/** The root of the work tree, or the bare repository itself. @throws LockfastError `not-found` */
export function repositoryRoot(place: GitPlace): string {
  const root = gitLine(place, ['rev-parse', '--show-toplevel']) ?? gitLine(place, ['rev-parse', '--absolute-git-dir']);
  if (root === undefined || root === '') throw new LockfastError('not-found', `${shownPath(place.directory)} is in no git repository that git opens for this user`, 'change into one; git tells why not: git status');
  return root;
}

/** Paths of the submodules that the index names. */
function submodulesOf(place: GitPlace): string[] {
  return treeEntries(gitList(place, ['ls-files', '--stage', '-z'])).filter(({ mode }) => mode === SUBMODULE).map(({ path }) => path);
}

/** `A..B`, or one commit and all before it. What git would take for an option, or for several revisions, is refused. */
function rangeArguments(place: GitPlace, range: string): string[] {
  const [from, to, ...rest] = range.split('..');
  const ends = to === undefined ? [from!] : [from!, to];
  const ids = ends.map((end) => (/^[^-\s^:@{}~?*[\\][^\s:?*[\\]*$/.test(end) ? gitLine(place, ['rev-parse', '--verify', '--quiet', '--end-of-options', `${end}^{commit}`]) : undefined));
  if (rest.length > 0 || ids.some((id) => id === undefined)) throw new LockfastError('not-found', 'the range names no commits that are here', 'give --range A..B with two commits or branches');
  return ids.length === 1 ? [ids[0]!] : [ids[1]!, `^${ids[0]!}`];
}

/** The ref reaches the newest one alone, its log all of them. */
function olderStashes(place: GitPlace): string[] {
  if (gitLine(place, ['rev-parse', '--verify', '--quiet', 'refs/stash']) === undefined) return [];
  return askGit(place, ['rev-list', '--walk-reflogs', 'refs/stash']).toString('latin1').split('\n').filter((line) => line !== '');
}

class Run {
  readonly #place: GitPlace;
  readonly #scanner: Scanner;
  readonly #findings: Finding[] = [];
  readonly #notScanned: string[] = [];
  /** Paths that hold a secret themselves. */
  readonly #telling = new Set<string>();
  /** What the files of the work tree are called as blobs. */
  readonly #seen = new Set<string>();
  readonly #digest: 'sha1' | 'sha256';
  #scanned = 0;
  #bytes = 0;

  constructor(place: GitPlace, scanner: Scanner) {
    this.#place = place;
    this.#scanner = scanner;
    this.#digest = gitLine(place, ['rev-parse', '--show-object-format']) === 'sha256' ? 'sha256' : 'sha1';
  }

  result(): ScanResult {
    const findings = this.#findings.map((finding) => (this.#telling.has(finding.path) ? { ...finding, path: NAMELESS } : finding));
    return { findings: unique(findings), scanned: this.#scanned, bytes: this.#bytes, notScanned: [...new Set(this.#notScanned)] };
  }

  /** What the next commit would bring: the blobs, whatever the work tree holds by now. */
  async staged(): Promise<void> {
    const raw = gitList(this.#place, ['diff', '--cached', '--raw', '-z', '--no-renames', '--no-abbrev', '--no-ext-diff', '--no-textconv', '--ignore-submodules=dirty']);
    const placed = placesIn(raw).map((one) => ({ ...one, commit: undefined }));
    await this.#blobs(placed);
    await this.#names(placed);
  }

  /**
   * Blobs of the index that the work tree does not have as they are. git would tell, too, but by way of the filters that the
   * repository configures.
   */
  async changedInIndex(): Promise<void> {
    const entries = treeEntries(gitList(this.#place, ['ls-files', '--stage', '-z']));
    await this.#blobs(entries.flatMap(({ path, id, mode }) => (mode === SUBMODULE || this.#seen.has(id) ? [] : [{ path, id, mode, commit: undefined }])));
  }

  /** Tracked files, and those that `git add .` would take. */
  async worktree(): Promise<void> {
    const submodules = new Set(submodulesOf(this.#place));
    for (const path of submodules) this.#notScanned.push(`${path}: a submodule`);
    const listed = gitList(this.#place, ['ls-files', '-z', '--cached', '--others', '--exclude-standard', '--deduplicate']);
    for (const path of listed) if (!submodules.has(path)) await this.#workFile(path);
    await this.#names(listed.map((path) => ({ path, commit: undefined })));
  }

  /** Commits that the remote is not known to have, and tags that go with them; and what it will list as new names. */
  async pushed(remote: string, refs: readonly PushedRef[]): Promise<void> {
    const sent = refs.map(({ localId }) => localId).filter((id) => !isNone(id));
    if (sent.length === 0) return;
    for (const { remoteName, localId, remoteId } of refs) if (!isNone(localId) && isNone(remoteId)) await this.#text(Buffer.from(remoteName), { path: remoteName, commit: undefined }, 'name');
    const known = objectKinds(this.#place, refs.map(({ remoteId }) => remoteId).filter((id) => !isNone(id))).map(({ id }) => id);
    const remotes = /^[A-Za-z0-9][A-Za-z0-9._-]*$/.test(remote) ? [`--remotes=${remote}`] : [];
    await this.history([...sent, '--not', ...known, ...remotes]);
    const tags = objectKinds(this.#place, sent).filter(({ kind }) => kind === 'tag').map(({ id }) => id);
    for await (const { id, bytes } of readObjects(this.#place, tags)) await this.#text(bytes, { path: `(tag ${id.slice(0, 12)})`, commit: undefined });
  }

  /** @param revisions as `git rev-list` takes them */
  async history(revisions: readonly string[]): Promise<void> {
    if (gitLine(this.#place, ['rev-parse', '--is-shallow-repository']) === 'true') this.#notScanned.push('commits before those of a shallow clone: git fetch --unshallow');
    const commits = commitsOf(this.#place, revisions);
    const placed = placesIn(askGit(this.#place, ['diff-tree', '--stdin', '-r', '-c', '--root', '--raw', '-z', '--no-renames', '--no-abbrev', '--no-ext-diff', '--no-textconv'], commits.map((id) => `${id}\n`).join('')).toString('utf8').split('\0'));
    await this.#blobs([...placed, ...this.#reachedByNameOnly(revisions, placed)]);
    await this.#messages(commits, revisions);
    await this.#names(placed);
  }

  /** What hangs on a tag without a commit. */
  #reachedByNameOnly(revisions: readonly string[], placed: readonly Placed[]): Placed[] {
    const known = new Set(placed.map(({ id }) => id));
    const listed = askGit(this.#place, ['rev-list', '--objects', ...revisions]).toString('utf8').split('\n').filter((line) => line !== '');
    const named = listed.map((line) => [line.split(' ', 1)[0]!, line.slice(line.search(/ |$/) + 1)] as const);
    const others = new Map(named.filter(([id]) => !known.has(id)));
    return objectKinds(this.#place, [...others.keys()]).filter(({ kind }) => kind === 'blob').map(({ id }) => ({ id, path: others.get(id)! || '(a tag)', mode: '100644', commit: undefined }));
  }

  async #messages(commits: readonly string[], revisions: readonly string[]): Promise<void> {
    const tags = revisions.includes('--all') ? gitList(this.#place, ['for-each-ref', '--format=%(objecttype) %(objectname) %(refname:short)%00', 'refs/tags']).map((line) => line.replace(/^\n/, '').split(' ')) : [];
    const names = new Map(tags.filter(([kind]) => kind === 'tag').map(([, id, name]) => [id!, name!]));
    for await (const { id, kind, bytes } of readObjects(this.#place, [...commits, ...names.keys()])) {
      await this.#text(bytes, kind === 'tag' ? { path: `(tag ${names.get(id)!})`, commit: undefined } : { path: '(message)', commit: id });
    }
    if (revisions.includes('--all')) for (const name of gitList(this.#place, ['for-each-ref', '--format=%(refname)%00'])) await this.#text(Buffer.from(name), { path: name.trim(), commit: undefined }, 'name');
  }

  /** File names, each once. */
  async #names(placed: readonly Origin[]): Promise<void> {
    const first = new Map<string, Origin>();
    for (const one of placed) if (!first.has(one.path)) first.set(one.path, one);
    for (const { path, commit } of first.values()) await this.#text(Buffer.from(path), { path, commit }, 'name');
  }

  /** Each blob once, whatever the number of its names. */
  async #blobs(placed: readonly Placed[]): Promise<void> {
    const names = new Map<string, Origin[]>();
    for (const { id, path, mode, commit } of placed) {
      if (mode === SUBMODULE) this.#notScanned.push(`${path}: a submodule`);
      else if (!isNone(id)) {
        const known = names.get(id);
        if (known === undefined) names.set(id, [{ path, commit }]);
        else if (!known.some((one) => one.path === path)) known.push({ path, commit });
      }
    }
    const kinds = objectKinds(this.#place, [...names.keys()]);
    const present = new Set(kinds.map(({ id }) => id));
    for (const [id, [origin]] of names) if (!present.has(id)) this.#notScanned.push(`${origin!.path}: its blob ${id.slice(0, 12)} is not in this clone`);
    for (const large of kinds.filter(({ size }) => size > MOST_BYTES)) this.#notScanned.push(`${names.get(large.id)![0]!.path}: larger than ${MOST_BYTES} bytes`);
    for await (const { id, bytes } of readObjects(this.#place, kinds.flatMap((one) => (one.size <= MOST_BYTES ? [one.id] : [])))) {
      await this.#file(bytes, names.get(id) as [Origin, ...Origin[]]);
    }
  }

  async #workFile(path: string): Promise<void> {
    const whole = join(this.#place.directory, path);
    try {
      const stats = lstatSync(whole);
      const origin = { path, commit: undefined };
      if (stats.isSymbolicLink()) await this.#workBytes(readlinkSync(whole, { encoding: 'buffer' }), origin);
      else if (!stats.isFile()) this.#notScanned.push(`${path}: ${stats.isDirectory() ? 'a repository of its own' : 'no file'}`);
      else if (stats.size > MOST_BYTES) this.#notScanned.push(`${path}: larger than ${MOST_BYTES} bytes`);
      else await this.#workBytes(readFileSync(whole), origin);
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code === undefined || error instanceof LockfastError) throw error;
      // Deleted in the work tree: the index has it, and that is looked into for itself.
      if (code !== 'ENOENT' || path.includes('\ufffd')) this.#notScanned.push(`${path}: it can not be read (${code})`);
    }
  }

  async #workBytes(bytes: Buffer, origin: Origin): Promise<void> {
    this.#seen.add(createHash(this.#digest).update(`blob ${bytes.length}\0`).update(bytes).digest('hex'));
    await this.#file(bytes, [origin]);
  }

  async #file(bytes: Buffer, names: readonly [Origin, ...Origin[]]): Promise<void> {
    this.#count(bytes);
    this.#findings.push(...(await this.#scanner.file(bytes, names)));
  }

  async #text(bytes: Buffer, origin: Origin, what: 'text' | 'name' = 'text'): Promise<void> {
    if (what === 'text') this.#count(bytes);
    const findings = await this.#scanner.text(bytes, origin);
    if (findings.length > 0 && what === 'name') this.#telling.add(origin.path);
    this.#findings.push(...findings.map((finding) => (what === 'name' ? { ...finding, line: undefined } : finding)));
  }

  #count(bytes: Buffer): void {
    this.#scanned += 1;
    this.#bytes += bytes.length;
  }
}

function isNone(id: string): boolean {
  return /^0+$/.test(id);
}

/** In the oldest commit that has it. */
function unique(findings: readonly Finding[]): Finding[] {
  const seen = new Map<string, Finding>();
  for (const finding of findings) {
    const key = `${finding.fingerprint}\0${finding.commit === undefined ? '' : 'history'}\0${finding.tenant}\0${finding.variable}`;
    if (!seen.has(key)) seen.set(key, finding);
  }
  return [...seen.values()];
}
