/** What a definition may say: mistakes in the program are found at its start. */
import { column, type ColumnDefinition, isColumnId } from '@lockfast/columns';
import { Secret } from '@lockfast/core/keyring';
import { expect, test } from 'vitest';

import { heldRing } from './held-ring.ts';
import { refusalOf } from './refusal.ts';

const ring = await heldRing();

test.for(['a', 'a1', 'a_b', 'a.b', 'a.1', 'integrations.slack.bot_token', 'a'.repeat(128)])('the id %s', (id) => {
  expect(isColumnId(id)).toBe(true);
  expect(column(ring, { id }).id).toBe(id);
});

test.for<[unknown]>([[''], ['A'], ['1a'], ['_a'], ['a.'], ['.a'], ['a..b'], ['a-b'], ['a b'], ['a\n'], ['ä'], ['a'.repeat(129)], [undefined], [7]])('the id %j is refused', ([id]) => {
  expect(isColumnId(id)).toBe(false);
  expect(refusalOf(() => column(ring, { id: id as string })).code).toBe('usage');
});

test.for<[string, object]>([
  ['another format', { format: 'aes' }],
  ['another type', { as: 'number' }],
  ['a type of every object', { as: 'constructor' }],
  ['another storage', { storage: 'bytea' }],
  ['another reading mode', { reading: 'loose' }],
  ['plaintext that nobody is told of', { reading: 'allow-plaintext' }],
  ['a context twice', { context: ['a', 'a'] }],
  ['a context without a name', { context: [''] }],
  ['a context that is text', { context: 'org' }],
  ['a maximum age of nothing', { maxAge: 0 }],
  ['a negative maximum age', { maxAge: -1 }],
  ['a maximum age that is no number', { maxAge: NaN }],
  ['a maximum age that is text', { maxAge: '90d' }],
  ['a context that is misspelt', { contxt: ['org_id'] }],
  ['a member in other capitals', { tenantkey: 'own' }],
  ['a migration that is text', { migrating: 'no' }],
])('%s is refused, by the name of the column', ([, wrong]) => {
  expect(refusalOf(() => column(ring, { id: 'a.b', ...wrong }))).toMatchObject({ code: 'usage', message: expect.stringMatching(/^a\.b: /) });
});

test('Fernet without any key is refused', () => {
  expect(refusalOf(() => column(ring, { id: 'a.b', format: 'fernet', fernetKeys: [] })).code).toBe('invalid-key');
  expect(refusalOf(() => column(ring, { id: 'a.b', migrating: true, fernetKeys: [] })).code).toBe('invalid-key');
  expect(column(ring, { id: 'a.b', fernetKeys: [] }).id).toBe('a.b');
});

test('[B4] who changes his object later changes no column', () => {
  const context = ['org_id'];
  const definition = { id: 'a.b', context, reading: 'strict' as 'strict' | 'allow-plaintext', onPlaintext: () => {} };
  const made = column(ring, definition as ColumnDefinition);
  definition.reading = 'allow-plaintext';
  context.push('x');
  expect(made.definition).toMatchObject({ context: ['org_id'], reading: 'strict' });
  expect(made.decrypt(made.encrypt('x', { org_id: 1 }), { org_id: 1 })).toBe('x');
  expect(refusalOf(() => made.decrypt('plain', { org_id: 1 })).code).toBe('not-encrypted');
  expect(() => {
    (made.definition as { reading: string }).reading = 'allow-plaintext';
  }).toThrow(TypeError);
});

test('[T5] a column that is printed or serialised shows no key', () => {
  const canary = 'CANARY-KEY-0123456789-0123456789';
  const made = column(ring, { id: 'a.b', fernetKeys: [{ name: 'env:K', key: new Secret(Buffer.from(canary)) }] });
  expect(JSON.stringify(made)).not.toContain('CANARY');
  expect(JSON.stringify(made)).toContain('[secret]');
});
