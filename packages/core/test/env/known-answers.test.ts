/** Files of the past: what opened once opens for ever, and what was refused stays refused, for the same reason. */
import { readFileSync } from 'node:fs';

import { expect, test } from 'vitest';

import { encryptEnvFile, openEnvFile, plaintextOf, splitEntries } from '@lockfast/core/env';
import { KeyRing } from '@lockfast/core/keyring';

import { refusalOf } from '../files/refusal.ts';
import { rootKeySource } from './rings.ts';
import { linesOf, withMac } from './second-writer.ts';

interface Known {
  readonly rootKey: string;
  readonly ring: object;
  readonly answers: readonly { name: string; tenant: string; revision: number; plaintext: string; file: string }[];
  readonly failures: readonly { name: string; code: string; tenant: string; file: string }[];
}

const known = JSON.parse(readFileSync(new URL('known-answers/env-files.json', import.meta.url), 'utf8')) as Known;
const ring = await KeyRing.open(JSON.stringify(known.ring), 'the ring', [rootKeySource(known.rootKey)]);

test.each(known.answers.map((answer) => [answer.name, answer] as const))('opens: %s', (_, { tenant, revision, plaintext, file }) => {
  const bytes = Buffer.from(file, 'latin1');
  const opened = openEnvFile(bytes, { ring, tenant }, 'x');
  expect(plaintextOf(opened)).toEqual(Buffer.from(plaintext, 'base64'));
  expect(opened.header.revision).toBe(revision);
  expect(withMac(linesOf(bytes), ring)).toEqual(bytes);
});

test.each(known.answers.map((answer) => [answer.name, answer] as const))('goes on from: %s', (_, { tenant, plaintext, file }) => {
  const scope = { ring, tenant };
  const previous = openEnvFile(Buffer.from(file, 'latin1'), scope, 'x');
  const text = Buffer.concat([Buffer.from(plaintext, 'base64'), Buffer.from('\nADDED=1\n')]);
  const next = openEnvFile(encryptEnvFile({ entries: splitEntries(text), previous }, scope), scope, 'x');
  expect(plaintextOf(next)).toEqual(text);
  expect(next.header).toMatchObject({ revision: previous.header.revision + 1, salt: previous.header.salt, derivation: previous.header.derivation });
});

test.each(known.failures.map((failure) => [failure.name, failure] as const))('is refused: %s', (_, { code, tenant, file }) => {
  expect(refusalOf(() => openEnvFile(Buffer.from(file, 'latin1'), { ring, tenant }, 'x')).code).toBe(code);
});
