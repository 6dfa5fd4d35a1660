/** Fifty secrets in one repository, each in another place or form. */
import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { symlinkSync } from 'node:fs';
import { join } from 'node:path';

import { expect, test } from 'vitest';

import { GuardKey, guardValues, type OpenValue, parseGuardFile, printGuardFile, scan, scanRecursively, Scanner, updatedGuardFile, ValueMatcher } from '../src/index.ts';
import { Repository } from './repository.ts';

const random = (): string => randomBytes(27).toString('base64url');
const difficult = (): string => `p/"ä ${random()}\\ %$`;

function pem(): string {
  return generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
}

type Plant = (repository: Repository, value: string) => void;

/** In a file that is committed with all others at the end. */
function inFile(path: string, content: (value: string) => string | Uint8Array): Plant {
  return (repository, value) => repository.write(path, content(value));
}

function onBranch(repository: Repository, name: string, work: () => void): void {
  repository.git('checkout', '--quiet', '-b', name, 'main');
  work();
  repository.git('checkout', '--quiet', 'main');
}

const NULS = Buffer.from([0, 1, 2, 0]);

const IN_FILES: Readonly<Record<string, Plant>> = {
  raw: inFile('config.yml', (value) => `key: ${value}\n`),
  'in the middle of a word': inFile('word.txt', (value) => `abc${value}def`),
  'the whole of a file': inFile('whole', (value) => value),
  'behind three megabytes': inFile('large.txt', (value) => `${'lorem ipsum dolor\n'.repeat(180_000)}${value}`),
  base64: inFile('base64.txt', (value) => Buffer.from(value).toString('base64')),
  'base64, one byte in': inFile('base64-1.txt', (value) => Buffer.from(`:${value}:`).toString('base64')),
  'base64, two bytes in': inFile('base64-2.txt', (value) => Buffer.from(`a:${value}`).toString('base64')),
  'basic authorization': inFile('curl.sh', (value) => `curl -H "Authorization: Basic ${Buffer.from(`admin:${value}`).toString('base64')}" https://example.com`),
  base64url: inFile('base64url.txt', (value) => Buffer.from(`?${value}`).toString('base64url')),
  hex: inFile('hex.txt', (value) => Buffer.from(value).toString('hex')),
  'hex in capitals': inFile('HEX.txt', (value) => Buffer.from(value).toString('hex').toUpperCase()),
  percent: inFile('link.html', (value) => `<a href="?t=${encodeURIComponent(value)}">`),
  'percent in lower case': inFile('link2.html', (value) => encodeURIComponent(value).replaceAll(/%[0-9A-F]{2}/g, (code) => code.toLowerCase())),
  json: inFile('a.json', (value) => JSON.stringify({ token: value })),
  'json in json': inFile('b.json', (value) => JSON.stringify({ body: JSON.stringify({ token: value }) })),
  'utf-16': inFile('windows.txt', (value) => Buffer.from(`\ufeffkey=${value}\r\n`, 'utf16le')),
  'a binary file': inFile('image.png', (value) => Buffer.concat([NULS, Buffer.from(value), NULS])),
  'a binary file, one byte on': inFile('image2.png', (value) => Buffer.concat([NULS, Buffer.from([7]), Buffer.from(value), NULS])),
  'a binary file, three bytes on': inFile('image3.png', (value) => Buffer.concat([NULS, Buffer.from([7, 7, 7]), Buffer.from(value)])),
  'no diff by attributes': inFile('locked.dat', (value) => value),
  'an ignored file': inFile('ignored/file.txt', (value) => value),
  'a name that is not ASCII': inFile('schlüssel/größe.txt', (value) => value),
  'a name with a newline': inFile('two\nlines.txt', (value) => value),
  'a link': (repository, value) => symlinkSync(`/nowhere/${value}`, join(repository.directory, 'link')),
  'an encrypted file that is none': inFile('.env.encrypted', (value) => `A=${value}\n`),
  'in a URL': inFile('url.txt', (value) => value),
  'the password of a URL alone': inFile('url-password.txt', (value) => `--password=${/:([^/@]+)@/.exec(value)![1]!}`),
  'PEM with CRLF': inFile('crlf.pem', (value) => value.trim().replaceAll('\n', '\r\n')),
  'PEM in JSON': inFile('service.json', (value) => JSON.stringify({ private_key: value })),
  'PEM, indented': inFile('indented.yml', (value) => `key: |\n${value.trim().split('\n').map((line) => `    ${line}`).join('\n')}\n`),
  'a file name': inFile('x', () => ''),
  'a directory name': inFile('y', () => ''),
};

const IN_HISTORY: Readonly<Record<string, Plant>> = {
  'a file that is gone': (repository, value) => {
    repository.write('gone.txt', value);
    repository.commit();
    repository.git('rm', '--quiet', 'gone.txt');
    repository.commit();
  },
  'a line that was changed': (repository, value) => {
    repository.write('changed.txt', `a\nb\n${value}\n`);
    repository.commit();
    repository.write('changed.txt', 'a\nb\nc\n');
    repository.commit();
  },
  'an env file that is gone': (repository, value) => {
    repository.write('app/.env', `TOKEN=${value}\n`);
    repository.commit();
    repository.git('rm', '--quiet', 'app/.env');
    repository.commit();
  },
  'a file that was renamed and changed': (repository, value) => {
    repository.write('old.txt', `${value}\n${'text\n'.repeat(50)}`);
    repository.commit();
    repository.git('mv', 'old.txt', 'new.txt');
    repository.write('new.txt', 'text\n'.repeat(50));
    repository.commit();
  },
  'a commit message': (repository, value) => void repository.commit(`use ${value} for now`),
  'an author': (repository, value) => void repository.git('commit', '--quiet', '--allow-empty', '-m', 'x', `--author=${value} <a@example.invalid>`),
  'a branch that was never merged': (repository, value) => onBranch(repository, 'unmerged', () => {
    repository.write('unmerged.txt', value);
    repository.commit();
  }),
  'a side of a merge': (repository, value) => {
    onBranch(repository, 'side', () => {
      repository.write('side.txt', value);
      repository.commit();
      repository.git('rm', '--quiet', 'side.txt');
      repository.commit();
    });
    repository.commit();
    repository.git('merge', '--quiet', '--no-ff', '-m', 'merge', 'side');
  },
  'a merge that neither side has': (repository, value) => {
    onBranch(repository, 'innocent', () => {
      repository.write('innocent.txt', 'x');
      repository.commit();
    });
    repository.commit();
    repository.git('merge', '--quiet', '--no-ff', '--no-commit', 'innocent');
    repository.write('evil.txt', value);
    repository.commit('merge');
    repository.git('rm', '--quiet', 'evil.txt');
    repository.commit();
  },
  'the message of a merge': (repository, value) => {
    onBranch(repository, 'side2', () => void repository.commit('there'));
    repository.commit('here');
    repository.git('merge', '--quiet', '--no-ff', '-m', `merge ${value}`, 'side2');
  },
  'a commit that a tag alone holds': (repository, value) => {
    onBranch(repository, 'short', () => {
      repository.write('tagged.txt', value);
      repository.commit();
      repository.git('tag', 'v1');
    });
    repository.git('branch', '--quiet', '-D', 'short');
  },
  'the message of a tag': (repository, value) => void repository.git('tag', '-a', '-m', value, 'v2'),
  'a blob that a tag names': (repository, value) => void repository.git('tag', 'blob', repository.gitWith(value, 'hash-object', '-w', '--stdin')),
  'a note': (repository, value) => void repository.git('notes', 'add', '-m', value),
  'a stash': (repository, value) => {
    repository.write('stashed.txt', value);
    repository.git('stash', 'push', '--quiet', '--include-untracked');
  },
  'the name of a branch': (repository, value) => void repository.git('branch', `feature/${value}`),
  'a blob that is replaced': (repository, value) => {
    repository.write('replaced.txt', value);
    repository.commit();
    repository.git('replace', repository.git('rev-parse', 'HEAD:replaced.txt'), repository.gitWith('innocent', 'hash-object', '-w', '--stdin'));
    repository.git('rm', '--quiet', 'replaced.txt');
    repository.commit();
  },
  'a submodule': () => {},
};

function valueFor(place: string): string {
  if (place.startsWith('PEM')) return pem();
  if (place.includes('URL')) return `postgres://app:${random()}@db.example.com/shop`;
  return /percent|json/.test(place) ? difficult() : random();
}

function planted(): { readonly repository: Repository; readonly values: readonly OpenValue[] } {
  const repository = new Repository();
  const values = [...Object.keys(IN_HISTORY), ...Object.keys(IN_FILES)].map((variable) => ({ tenant: '', variable, value: valueFor(variable) }));
  const valueOf = (name: string): string => values.find(({ variable }) => variable === name)!.value;
  repository.write('.gitignore', 'ignored/\n');
  repository.write('.gitattributes', '*.dat binary -diff filter=hostile\n');
  repository.commit();
  for (const [name, plant] of Object.entries(IN_HISTORY)) plant(repository, valueOf(name));
  for (const [name, plant] of Object.entries(IN_FILES)) plant(repository, valueOf(name));
  repository.write(`${valueOf('a file name')}.txt`, 'x');
  repository.write(`${valueOf('a directory name')}/x.txt`, 'x');
  addSubmodule(repository, valueOf('a submodule'));
  repository.commit();
  return { repository, values };
}

function addSubmodule(repository: Repository, value: string): void {
  const inner = join(repository.directory, 'libs/inner');
  repository.git('init', '--quiet', inner);
  repository.write('libs/inner/secret.txt', value);
  for (const args of [['add', '--all'], ['commit', '--quiet', '-m', 'x']]) repository.git('-C', inner, ...args);
}

test('[B7] [E12] fifty of fifty planted secrets are found in history, and nothing else', { timeout: 120_000 }, async () => {
  const { repository, values } = planted();
  expect(values).toHaveLength(50);
  const key = GuardKey.random();
  const guarded = guardValues(values, key, '2026-03-01', 'memory');
  expect(guarded.unguardable).toEqual([]);
  const { findings, notScanned } = await scanRecursively(repository.place, { kind: 'history' }, new Scanner(new ValueMatcher(guarded.values, key)));
  const found = findings.filter(({ kind }) => kind === 'secret-value');
  expect(new Set(found.map(({ variable }) => variable))).toEqual(new Set(values.map(({ variable }) => variable)));
  expect(notScanned).toEqual([]);
  expect(new Set(findings.flatMap(({ kind, path }) => (kind === 'plaintext-env' ? [path] : [])))).toEqual(new Set(['.env.encrypted', 'app/.env']));
  const printed = JSON.stringify(findings);
  for (const { value } of values) expect(printed).not.toContain(value);
  const submodule = found.find(({ variable }) => variable === 'a submodule')!;
  expect([submodule.path, submodule.line]).toEqual(['libs/inner/secret.txt', 1]);
  const gone = found.find(({ variable }) => variable === 'a line that was changed')!;
  expect([gone.path, gone.line, repository.git('show', `${gone.commit!}:changed.txt`).split('\n')[2]]).toEqual(['changed.txt', 3, values.find(({ variable }) => variable === 'a line that was changed')!.value]);
});

test('[B7] the same by a guard file, which holds no value', { timeout: 120_000 }, async () => {
  const { repository, values } = planted();
  const key = GuardKey.random();
  const empty = { id: 'abcdefghijklmnop', environment: 'test', wrapped: null, values: [], unguardable: [] };
  const { file } = updatedGuardFile(empty, values, key, '2026-03-01');
  const text = printGuardFile(file, key);
  for (const { value } of values) expect(text).not.toContain(value.slice(0, 8));
  const parsed = parseGuardFile(text, 'guard.json').proven(GuardKey.parse(key.print(), 'here'));
  expect(parsed.unguardable).toEqual([]);
  const { findings, notScanned } = await scan(repository.place, { kind: 'history' }, new Scanner(new ValueMatcher(parsed.values, key)));
  const found = new Set(findings.flatMap(({ variable }) => variable ?? []));
  expect(values.map(({ variable }) => variable).filter((variable) => !found.has(variable))).toEqual(['a submodule']);
  expect(notScanned).toEqual(['libs/inner: a submodule']);
});
