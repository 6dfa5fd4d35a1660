/** The recovery backup, and what a ring keeps for a ledger. */
import { KeyRing, openBackup, Secret } from '@lockfast/core/keyring';
import { describe, expect, test } from 'vitest';

import { laterRefusalOf, refusalOf } from '../files/refusal.ts';
import { passphraseSource, QUICK_PBKDF2 } from './passphrases.ts';
import { altered, held, lp, membersOf } from './rings.ts';

const source = held();
const passphrase = passphraseSource('correct horse', QUICK_PBKDF2);
const ring = await KeyRing.create('production', [source]);
const hexOf = (secret: Secret): string => secret.use((bytes) => bytes.toString('hex'));

describe('opening one', () => {
  test('gives a ring that works, and takes new sources', async () => {
    const { backup } = await ring.withBackup(passphrase);
    const restored = await (await openBackup(backup, 'b.json', passphrase)).rewrappedFor([held('file:new.key')]);
    expect(membersOf(restored)).toMatchObject({ format: 'lockfast-keyring/2', sources: [{ source: 'file:new.key' }] });
    expect(hexOf(restored.active().secret)).toBe(hexOf(ring.active().secret));
  });

  test('[D5] another passphrase, no backup, a damaged one', async () => {
    const { backup } = await ring.withBackup(passphrase);
    expect(await laterRefusalOf(openBackup(backup, 'b.json', passphraseSource('another', QUICK_PBKDF2)))).toEqual({
      code: 'wrong-key',
      message: 'the passphrase does not open b.json',
      hint: 'use the passphrase that was given when this backup was written',
    });
    expect(await laterRefusalOf(openBackup(ring.print(), 'ring.json', passphrase))).toMatchObject({ code: 'ring-malformed', message: 'ring.json is a key ring, but no recovery backup' });
    expect((await laterRefusalOf(openBackup('', 'b.json', passphrase))).code).toBe('ring-malformed');
    expect((await laterRefusalOf(openBackup(backup.replace('"production"', '"staging"'), 'b.json', passphrase))).code).toBe('moved-or-altered');
    expect((await laterRefusalOf(openBackup(backup.replace('lockfast-backup/2', 'lockfast-backup/5'), 'b.json', passphrase))).code).toBe('unsupported-format');
  });
});

describe('the key of a ledger\'s epoch', () => {
  const key = Secret.random();
  const hex = hexOf(key);
  const kept = { log: 'log', epoch: 7, key };

  test('lies in the backup alone, wrapped', async () => {
    const { ring: noted, backup } = await ring.withBackup(passphrase, undefined, kept);
    expect(Object.keys(membersOf(backup).ledger!)).toEqual(['log', 'epoch', 'wrapped']);
    expect(membersOf(noted)).not.toHaveProperty('ledger');
    for (const text of [backup, noted.print()]) for (const encoding of ['hex', 'base64', 'base64url', 'latin1'] as const) expect(text).not.toContain(Buffer.from(hex, 'hex').toString(encoding));
    const opened = (await openBackup(backup, 'b', passphrase)).ledgerKey()!;
    expect([opened.log, opened.epoch, hexOf(opened.key)]).toEqual(['log', 7, hex]);
    expect(noted.ledgerKey()).toBeUndefined();
    expect((await openBackup((await ring.withBackup(passphrase)).backup, 'b', passphrase)).ledgerKey()).toBeUndefined();
    // It does not go over into the ring that is made from the backup, nor into that ring's own backups.
    const restored = (await openBackup(backup, 'b', passphrase)).reissued(9);
    expect(restored.ledgerKey()).toBeUndefined();
    expect(membersOf((await restored.withBackup(passphrase)).backup).ledger).toBeNull();
  });

  test.for<[string, (ledger: { log: string; epoch: number; wrapped: string }) => unknown, string]>([
    ['another log', (ledger) => (ledger.log = 'other'), 'moved-or-altered'],
    ['another epoch', (ledger) => (ledger.epoch = 8), 'moved-or-altered'],
    ['another text', (ledger) => (ledger.wrapped = ledger.wrapped.slice(4)), 'malformed'],
  ])('[D5] %s is found, even in a backup that is authentic', async ([, change, code]) => {
    const { backup } = await ring.withBackup(passphrase, undefined, kept);
    const other = await altered(backup, passphrase, ({ ledger }) => void change(ledger!));
    const opened = await openBackup(other, 'b', passphrase);
    expect(refusalOf(() => opened.ledgerKey()).code).toBe(code);
    const members = membersOf(backup);
    change(members.ledger!);
    expect((await laterRefusalOf(openBackup(JSON.stringify(members), 'b', passphrase))).code).toBe('ring-tampered');
  });

  test.for<unknown>([undefined, 'x', {}, { log: 'log', epoch: -1, wrapped: 'x' }, { log: 'log', epoch: 1.5, wrapped: 'x' }, { log: '', epoch: 1, wrapped: 'x' }, { log: 'log', epoch: 1, wrapped: 'x', note: 1 }])('%j is no such key', async (ledger) => {
    const { backup } = await ring.withBackup(passphrase, undefined, kept);
    expect((await laterRefusalOf(openBackup(JSON.stringify({ ...membersOf(backup), ledger }), 'b', passphrase))).code).toBe('ring-malformed');
  });
});

describe('wrapped for a ledger', () => {
  const binding = lp('lockfast/ledger-signer', 'log');

  test('it opens with this ring at any later generation, for the same purpose alone', async () => {
    const seed = Secret.random();
    const wrapped = ring.wrapForLedger(seed, binding);
    const later = (await ring.withNewKey().withSource(held('env:X'))).withDeparture();
    for (const one of [ring, later, await KeyRing.open(later.print(), 'ring', [source])]) expect(hexOf(one.unwrapForLedger(wrapped, binding))).toBe(hexOf(seed));
    expect(refusalOf(() => ring.unwrapForLedger(wrapped, lp('lockfast/ledger-signer', 'other'))).code).toBe('moved-or-altered');
    expect(refusalOf(() => ring.unwrapForLedger(membersOf(ring).keys[0]!.wrapped, lp(membersOf(ring).ring, 'production', ring.active().id))).code).toBe('wrong-key');
    expect(refusalOf(() => ring.unwrapForLedger('', binding)).code).toBe('malformed');
  });

  test('under a new own key it must be wrapped anew', async () => {
    const seed = Secret.random();
    const after = await ring.rewrappedFor([source]);
    expect(refusalOf(() => after.unwrapForLedger(ring.wrapForLedger(seed, binding), binding)).code).toBe('wrong-key');
    const again = after.wrapForLedger(ring.unwrapForLedger(ring.wrapForLedger(seed, binding), binding), binding);
    expect(hexOf(after.unwrapForLedger(again, binding))).toBe(hexOf(seed));
  });
});
