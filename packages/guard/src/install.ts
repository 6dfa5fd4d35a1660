/** Hooks, the merge driver and the diff of encrypted files in one clone, beside what is there already. */
import { existsSync, realpathSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';

import { withFileLock } from '@lockfast/core/files';

import { gitLine, type GitPlace, gitSetting, tryGit } from './git.ts';
import { BEGIN, CHAINED, type Hook, hookBlock, HOOKS, hookScript, lefthookBlock, preCommitBlock } from './hook-text.ts';
import { type Before, digestOf, type FileEdit, type InstallRecord, NOTHING, put, readRecord, seen, type SettingEdit, takeBack, textOf, writeRecord } from './installed-edits.ts';

export interface InstallReport {
  /** What was done, one clause each. */
  readonly done: readonly string[];
  /** What a person must add to a file that others share, since there was no consent or no safe place in it. */
  readonly todo: readonly { readonly file: string; readonly lines: string }[];
}

interface Installation {
  readonly place: GitPlace;
  /** How a shell calls Lockfast, quoted. */
  readonly command: string;
  /** Whether files that others share may be changed. */
  readonly consent: boolean;
  readonly stateDirectory: string;
}

const LEFTHOOK = ['lefthook.yml', 'lefthook.yaml', '.lefthook.yml', '.lefthook.yaml', '.config/lefthook.yml'];
const PRE_COMMIT = '.pre-commit-config.yaml';
const ATTRIBUTES = '*.encrypted diff=lockfast';
const RECORD = 'lockfast-guard.json';

/** Idempotent. @param place the root of a work tree @throws LockfastError `write-failed`, `permission-denied`, `malformed`, `tool-failed` */
export async function installGuard(installation: Installation): Promise<InstallReport> {
  const { place, command, stateDirectory } = installation;
  const record = recordPath(place);
  return withFileLock(stateDirectory, record, () => {
    const journal = new Journal(record);
    const todo = [...hooks(installation, journal)];
    const settings: readonly (readonly [string, string])[] = [
      ['merge.lockfast.name', 'encrypted env files, by line'],
      ['merge.lockfast.driver', `${command} env merge %O %A %B`],
      ['diff.lockfast.textconv', `${command} guard textconv`],
    ];
    for (const [name, value] of settings) journal.setting(place, name, value);
    todo.push(...attributes(installation, journal));
    return { done: journal.done, todo };
  });
}

/** @returns what was taken back, and what could not be */
export async function uninstallGuard(place: GitPlace, stateDirectory: string): Promise<{ readonly done: readonly string[]; readonly left: readonly string[] }> {
  const path = recordPath(place);
  return withFileLock(stateDirectory, path, () => {
    const { files, settings } = readRecord(path);
    const left = files.toReversed().flatMap((edit) => takeBack(edit) ?? []);
    for (const { name, before, after } of settings) {
      if (gitLine(place, ['config', '--local', '--get', name]) !== after) continue;
      if (before === null) dropSetting(place, name);
      else tryGit(place, ['config', '--local', name, before]);
    }
    put(path, { kind: 'absent' });
    return { done: [...files.map((edit) => shown(place, edit.path)), ...settings.map(({ name }) => name)], left };
  });
}

/** git leaves an empty section behind, and an uninstalled clone is to be as it was. */
function dropSetting(place: GitPlace, name: string): void {
  tryGit(place, ['config', '--local', '--unset-all', name]);
  const section = name.slice(0, name.lastIndexOf('.'));
  const rest = gitLine(place, ['config', '--local', '--get-regexp', `^${section.replaceAll('.', String.raw`\.`)}\\.`]);
  if (rest === undefined || rest === '') tryGit(place, ['config', '--local', '--remove-section', section]);
}

/** Writes down what it is about to change, and what stood there before, before it changes it. */
class Journal {
  readonly done: string[] = [];
  readonly #path: string;
  #record: InstallRecord;

  constructor(path: string) {
    this.#path = path;
    this.#record = existsSync(path) ? readRecord(path) : NOTHING;
  }

  file(place: GitPlace, path: string, after: Before): void {
    const now = seen(path);
    const digest = digestOf(after)!;
    if (digestOf(now) === digest) return;
    const known = this.#record.files.find((edit) => edit.path === path);
    // What we wrote ourselves, with another command for example, is not what was there before.
    const before = known !== undefined && digestOf(now) === known.after ? known.before : now;
    const edit: FileEdit = { path, before, after: digest };
    this.#write({ ...this.#record, files: [...this.#record.files.filter((one) => one.path !== path), edit] });
    put(path, after);
    this.done.push(shown(place, path));
  }

  setting(place: GitPlace, name: string, after: string): void {
    const now = gitLine(place, ['config', '--local', '--get', name]) ?? null;
    if (now === after) return;
    const known = this.#record.settings.find((edit) => edit.name === name);
    const edit: SettingEdit = { name, before: known !== undefined && known.after === now ? known.before : now, after };
    this.#write({ ...this.#record, settings: [...this.#record.settings.filter((one) => one.name !== name), edit] });
    tryGit(place, ['config', '--local', '--replace-all', name, after]);
    this.done.push(name);
  }

  #write(record: InstallRecord): void {
    this.#record = record;
    writeRecord(this.#path, record);
  }
}

function hooks(installation: Installation, journal: Journal): InstallReport['todo'] {
  const { place } = installation;
  const lefthook = LEFTHOOK.find((name) => existsSync(join(place.directory, name)));
  if (lefthook !== undefined) return intoShared(installation, journal, lefthook, lefthookBlock(installation.command), (text, block) => (/^(?:pre-commit|pre-push):/m.test(text) ? undefined : ended(text) + block));
  if (existsSync(join(place.directory, PRE_COMMIT))) return intoPreCommit(installation, journal);
  const configured = gitSetting(place, 'core.hooksPath');
  if (configured !== undefined && configured !== '') return intoHooksPath(installation, journal, configured);
  const directory = resolve(place.directory, gitLine(place, ['rev-parse', '--git-common-dir']) ?? '.git', 'hooks');
  for (const hook of HOOKS) ownHook(installation, journal, directory, hook);
  return [];
}

/** git's own directory of hooks, which nobody shares: what is there is run first, by ours. */
function ownHook({ place, command }: Installation, journal: Journal, directory: string, hook: Hook): void {
  const path = join(directory, hook);
  const now = seen(path);
  if (now.kind !== 'absent' && textOf(now)?.includes(BEGIN) !== true) {
    const chained: Before = now.kind === 'link' ? { kind: 'link', target: existsSync(path) ? realpathSync(path) : resolve(directory, now.target) } : now;
    journal.file(place, join(directory, CHAINED, hook), chained);
  }
  journal.file(place, path, { kind: 'file', bytes: Buffer.from(hookScript(hook, command)).toString('base64'), mode: 0o755 });
}

/** `core.hooksPath`: husky's own directory is generated, and what is meant lies beside it. */
function intoHooksPath(installation: Installation, journal: Journal, configured: string): InstallReport['todo'] {
  const { place, command } = installation;
  const directory = resolve(place.directory, configured.replace(/^~(?=\/)/, place.environment['HOME'] ?? '~'));
  const own = directory.endsWith('/.husky/_') ? dirname(directory) : directory;
  return HOOKS.flatMap((hook) => {
    const path = join(own, hook);
    const block = hookBlock(hook, command);
    const now = seen(path);
    const text = textOf(now) ?? '';
    if (text.includes(BEGIN)) return [];
    const isScript = now.kind === 'absent' || (now.kind === 'file' && (/^#!.*\b(?:ba|da|k|z)?sh\b/.test(text) || !text.startsWith('#!')));
    if (!installation.consent || !isScript) return [{ file: shown(place, path), lines: block }];
    const [shebang, rest] = now.kind === 'absent' ? ['#!/bin/sh\n', ''] : afterShebang(text);
    journal.file(place, path, { kind: 'file', bytes: Buffer.from(shebang + block + rest).toString('base64'), mode: now.kind === 'file' ? now.mode : 0o755 });
    return [];
  });
}

function afterShebang(text: string): [string, string] {
  if (!text.startsWith('#!')) return ['', text];
  const end = text.indexOf('\n');
  return end === -1 ? [`${text}\n`, ''] : [text.slice(0, end + 1), text.slice(end + 1)];
}

/** Items can be added at the end only where `repos:` is the last thing in the file. */
function intoPreCommit(installation: Installation, journal: Journal): InstallReport['todo'] {
  const text = textOf(seen(join(installation.place.directory, PRE_COMMIT))) ?? '';
  const indent = /^( *)- repo:/m.exec(text)?.[1] ?? '  ';
  const keys = [...text.matchAll(/^([A-Za-z_]+):/gm)].map(([, name]) => name);
  return intoShared(installation, journal, PRE_COMMIT, preCommitBlock(installation.command, indent), (present, block) => (keys.at(-1) === 'repos' && /^ *- repo:/m.test(present) ? ended(present) + block : undefined));
}

function intoShared({ place, consent }: Installation, journal: Journal, name: string, block: string, added: (text: string, block: string) => string | undefined): InstallReport['todo'] {
  const path = join(place.directory, name);
  const now = seen(path);
  const text = textOf(now) ?? '';
  if (text.includes(BEGIN)) return [];
  const next = consent && now.kind === 'file' ? added(text, block) : undefined;
  if (next === undefined || now.kind !== 'file') return [{ file: name, lines: block }];
  journal.file(place, path, { ...now, bytes: Buffer.from(next).toString('base64') });
  return [];
}

/** Which files the driver and the diff are for is said in a file that is committed. */
function attributes({ place }: Installation, journal: Journal): InstallReport['todo'] {
  const path = join(place.directory, '.gitattributes');
  const answer = tryGit(place, ['check-attr', '-z', 'merge', 'diff', '--', '.env.encrypted'])?.toString('utf8').split('\0') ?? [];
  const lines = [...(answer[2] === 'lockfast' ? [] : ['*.encrypted -text merge=lockfast']), ...(answer[5] === 'lockfast' ? [] : [ATTRIBUTES])];
  if (lines.length === 0) return [];
  const now = seen(path);
  if (now.kind === 'link') return [{ file: '.gitattributes', lines: `${lines.join('\n')}\n` }];
  const text = ended(textOf(now) ?? '') + `${lines.join('\n')}\n`;
  journal.file(place, path, { kind: 'file', bytes: Buffer.from(text).toString('base64'), mode: now.kind === 'file' ? now.mode : 0o644 });
  return [];
}

function ended(text: string): string {
  return text === '' || text.endsWith('\n') ? text : `${text}\n`;
}

function recordPath(place: GitPlace): string {
  return resolve(place.directory, gitLine(place, ['rev-parse', '--git-common-dir']) ?? '.git', RECORD);
}

function shown(place: GitPlace, path: string): string {
  const inside = relative(place.directory, path);
  return inside.startsWith('..') ? path : inside;
}
