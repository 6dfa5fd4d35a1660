/** Values of other libraries that are base64 alone: by chance one in some thousands has the form of a Fernet token. */
import { createCipheriv, hkdfSync, randomBytes } from 'node:crypto';

import { looksLikeFernet } from '@lockfast/core/formats';
import { Secret } from '@lockfast/core/keyring';
import { expect, test } from 'vitest';

import { Lockbox } from '@lockfast/columns/foreign';
import { type DeclaredColumn, StoredValues } from '../../src/jobs/index.ts';
import { heldRing } from '../held-ring.ts';

const DECLARED: DeclaredColumn = { id: 'tests.secret', table: 'users', column: 'email_ciphertext', context: [], format: 'lfv1', as: 'text' };
const MASTER = '9b'.repeat(32);
const TEXT = 'a text that has 45 characters, as tokens have';

function lockbox(): Lockbox {
  return new Lockbox([{ name: 'env:MASTER', key: new Secret(Buffer.from(MASTER)) }], 'users', 'email_ciphertext');
}

/** As Lockbox makes it, with a nonce that it may draw. */
function likeFernet(): string {
  const info = Buffer.concat([Buffer.alloc(32, 0xb4), Buffer.from('email_ciphertext')]);
  const key = Buffer.from(hkdfSync('sha384', Buffer.from(MASTER, 'hex'), Buffer.from('users'), info, 32));
  for (;;) {
    const nonce = Buffer.concat([Buffer.of(0x80), randomBytes(11)]);
    const cipher = createCipheriv('aes-256-gcm', key, nonce);
    const stored = Buffer.concat([nonce, cipher.update(TEXT), cipher.final(), cipher.getAuthTag()]).toString('base64');
    if (looksLikeFernet(stored)) return stored;
  }
}

test('[D3] a value of Lockbox that has the form of a Fernet token opens, and an altered one is refused as before', async () => {
  const ring = await heldRing();
  const stored = likeFernet();
  const row = { key: ['1'], value: stored, context: [], label: null };
  const [opened] = new StoredValues(ring, DECLARED, [], lockbox()).open([row], 'text');
  expect(opened).toMatchObject({ standing: { kind: 'encrypted', format: 'lockbox', current: false } });
  expect(opened!.opened!.value.toString()).toBe(TEXT);
  const altered = { ...row, value: `${stored.slice(0, 40)}${stored[40] === 'A' ? 'B' : 'A'}${stored.slice(41)}` };
  expect(new StoredValues(ring, DECLARED, [], lockbox()).classify([altered], 'text')).toMatchObject([{ kind: 'unreadable', code: 'invalid-token' }]);
  expect(new StoredValues(ring, DECLARED, []).classify([row], 'text')).toMatchObject([{ kind: 'unreadable', code: 'invalid-token' }]);
});
