import { createPublicKey, verify } from 'node:crypto';
import { chmodSync, copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { describe, expect, onTestFinished, test } from 'vitest';

import { audited } from '@lockfast/core/audited';
import { Secret, unwrapKey, wrapKey } from '@lockfast/core/keyring';
import { missingForMounting, mountSmallDisk } from '@lockfast/testkit';

import { type Actor, type LedgerEntry, parseEntry } from '../src/entry.ts';
import { Ledger } from '../src/ledger.ts';
import type { LedgerKeyHolder } from '../src/ledger-signer.ts';
import { createSqliteLedger, openSqliteLedger } from '../src/stores/sqlite.ts';
import { refusalOf, scratchDirectory } from './scratch.ts';
import { expectWhole } from './whole.ts';

const ACTOR: Actor = { user: 'deploy', uid: 1000, host: 'h', pid: 7, program: 'lockfast env decrypt' };
const EVENT = { operation: 'decrypt', object: '/srv/a/.env.encrypted', tenant: 'a.example.com', environment: 'production', keyId: 'kq2d5x', details: { values: 3 } };

/** Wraps as a key ring does; two of them can't open each other's. */
function ring(): LedgerKeyHolder {
  const own = Secret.random();
  return {
    wrapForLedger: (secret, binding) => wrapKey(own, 'lockfast/ledger-wrap', secret, binding),
    unwrapForLedger: (wrapped, binding) => unwrapKey(own, 'lockfast/ledger-wrap', wrapped, binding),
  };
}

interface Place {
  readonly path: string;
  readonly state: string;
  readonly log: string;
  now: number;
}

async function newPlace(): Promise<Place> {
  const directory = scratchDirectory();
  const state = join(directory, 'state');
  mkdirSync(state);
  const path = join(directory, 'ledger.db');
  await (await createSqliteLedger(path)).close();
  return { path, state, log: join(directory, 'lockfast.log'), now: Date.UTC(2025, 9, 6, 10, 15, 23, 456) };
}

/** As a process opens it. */
async function open(place: Place): Promise<Ledger> {
  const ledger = await Ledger.open(await openSqliteLedger(place.path), { actor: ACTOR, clock: { now: () => place.now }, stateDirectory: place.state, textLog: place.log });
  onTestFinished(async () => await ledger.close().catch(() => {}));
  return ledger;
}

async function entriesOf({ store }: Ledger): Promise<LedgerEntry[]> {
  return (await store.read(1, Number.MAX_SAFE_INTEGER)).map(({ entry }) => parseEntry(entry));
}

const linesOf = ({ log }: Place): string[] => (existsSync(log) ? readFileSync(log, 'utf8').split('\n').slice(0, -1) : []);

describe('what is recorded', () => {
  test('[E14] an intent and its outcome, each with all that is known of it, and one line of text', async () => {
    const place = await newPlace();
    const ledger = await open(place);
    const [intent] = await ledger.intend([EVENT]);
    expect(linesOf(place)).toEqual([]);
    place.now += 1500;
    await ledger.conclude([{ intent: intent!, outcome: 'success', keyId: 'kaaaaa', details: { bytes: 9 } }]);
    const head = { v: 1, actor: ACTOR, operation: 'decrypt', object: EVENT.object, tenant: EVENT.tenant, environment: 'production' };
    expect(await entriesOf(ledger)).toEqual([
      { v: 1, kind: 'event', time: '2025-10-06T10:15:23.456Z', actor: ACTOR, operation: 'ledger-created', object: ledger.store.logId, outcome: 'success' },
      { ...head, kind: 'intent', time: '2025-10-06T10:15:23.456Z', keyId: 'kq2d5x', details: { values: 3 } },
      { ...head, kind: 'outcome', time: '2025-10-06T10:15:24.956Z', keyId: 'kaaaaa', details: { values: 3, bytes: 9 }, intent: 2, outcome: 'success' },
    ]);
    expect(linesOf(place)).toEqual(['2025-10-06 10:15:24 | INFO | DECRYPT | a.example.com | deploy | SUCCESS']);
    await expectWhole(ledger.store);
  });

  test('[E14] a refusal, at once', async () => {
    const place = await newPlace();
    const ledger = await open(place);
    await ledger.record({ ...EVENT, outcome: 'refused', code: 'not-permitted', reason: 'no admin' });
    expect((await entriesOf(ledger)).at(-1)).toMatchObject({ kind: 'event', outcome: 'refused', code: 'not-permitted', reason: 'no admin' });
    expect(linesOf(place)).toEqual(['2025-10-06 10:15:23 | WARNING | DECRYPT | a.example.com | deploy | REFUSED']);
  });

  test('many at once are one commit, in order, and the creation stands first, once', async () => {
    const ledger = await open(await newPlace());
    const intents = await ledger.intend([EVENT, { ...EVENT, object: 'b' }, { ...EVENT, object: 'c' }]);
    expect(intents).toEqual([2, 3, 4]);
    await ledger.conclude(intents.map((intent) => ({ intent, outcome: 'success' })));
    expect((await entriesOf(ledger)).map(({ kind, object }) => `${kind} ${object}`).slice(4)).toEqual([`outcome ${EVENT.object}`, 'outcome b', 'outcome c']);
    expect(await ledger.intend([])).toEqual([]);
    await ledger.conclude([]);
    expect((await ledger.store.head()).size).toBe(7);
  });

  test('an intent of a process that died is found, and ended by another one', async () => {
    const place = await newPlace();
    const dead = await open(place);
    const [first, second] = await dead.intend([EVENT, { ...EVENT, object: 'b' }]);
    await dead.conclude([{ intent: first!, outcome: 'success' }]);
    await dead.close();
    const ledger = await open(place);
    const found = await ledger.openIntents();
    expect(found.map(({ intent, entry }) => `${intent} ${entry.object} ${entry.actor.pid}`)).toEqual([`${second!} b 7`]);
    await ledger.conclude([{ intent: second!, outcome: 'interrupted' }]);
    expect((await entriesOf(ledger)).at(-1)).toMatchObject({ kind: 'outcome', intent: second, object: 'b', tenant: EVENT.tenant, outcome: 'interrupted' });
    expect(await ledger.openIntents()).toEqual([]);
    expect(await refusalOf(ledger.conclude([{ intent: 1, outcome: 'success' }]))).toMatchObject({ code: 'internal' });
    expect(await refusalOf(ledger.conclude([{ intent: 99, outcome: 'success' }]))).toMatchObject({ code: 'internal' });
  });

  test('what can not be told in the text log does not begin', async () => {
    const place = await newPlace();
    const ledger = await open({ ...place, log: join(place.state, 'none/log') });
    let ran = false;
    expect(await refusalOf(audited(ledger, EVENT, () => void (ran = true)))).toMatchObject({ code: 'ledger-unavailable' });
    expect(ran).toBe(false);
    expect((await ledger.store.head()).size).toBe(0);
  });

  const missing = missingForMounting();
  test.skipIf(missing !== undefined)(`on a full disk nothing begins${missing === undefined ? '' : ` (${missing})`}`, async () => {
    const place = await newPlace();
    const disk = join(place.state, 'disk');
    onTestFinished(mountSmallDisk(disk, '256k'));
    copyFileSync(place.path, join(disk, 'ledger.db'));
    const ledger = await open({ ...place, path: join(disk, 'ledger.db') });
    let runs = 0;
    const refusal = await refusalOf(
      (async () => {
        for (let i = 0; i < 1000; i++) await audited(ledger, { ...EVENT, reason: 'x'.repeat(4000) }, () => void (runs += 1));
      })(),
    );
    expect(refusal).toMatchObject({ code: 'ledger-unavailable' });
    const entries = await entriesOf(ledger);
    expect(entries.filter(({ kind }) => kind === 'intent').length).toBe(runs);
  });
});

describe('checkpoints', () => {
  test('[B5] a checkpoint is a signed note over size and root, kept in the store and in the state directory', async () => {
    const place = await newPlace();
    const ledger = await open(place);
    await ledger.intend([EVENT]);
    const keys = ring();
    const { size, origin, note } = await ledger.checkpoint(keys);
    expect(origin).toBe(`lockfast.ledger/${ledger.store.logId}`);
    // Creation, intent, and the key that signs.
    expect(size).toBe(3);
    const [text, signature] = note.split('\n\n');
    expect(`${text!}\n`).toBe(`${origin}\n3\n${(await ledger.store.root(3)).toString('base64')}\n`);
    const { publicKey } = (await ledger.store.signer())!;
    const key = createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x: publicKey.toString('base64url') }, format: 'jwk' });
    expect(verify(null, Buffer.from(`${text!}\n`), key, Buffer.from(signature!.trim().split(' ')[2]!, 'base64').subarray(4))).toBe(true);
    expect((await entriesOf(ledger))[2]).toMatchObject({ operation: 'ledger-signer', details: { publicKey: publicKey.toString('base64') } });
    const file = join(place.state, 'ledgers', `${ledger.store.logId}.checkpoint`);
    expect(readFileSync(file, 'utf8')).toBe(note);
    expect((statSync(file).mode & 0o777).toString(8)).toBe('600');
    // Nothing new: nothing is signed again.
    expect(await ledger.checkpoint(keys)).toEqual({ size, origin, note });
    expect(await ledger.store.checkpoints()).toEqual([{ size, origin, note }]);
  });

  test('one is due at first, after 64 entries, and an hour after the first unsigned one', async () => {
    const place = await newPlace();
    const ledger = await open(place);
    const keys = ring();
    expect(await ledger.checkpointIfDue(keys)).toBeUndefined();
    await ledger.record({ ...EVENT, outcome: 'success' });
    expect(await ledger.checkpointIfDue(keys)).toMatchObject({ size: 3 });
    place.now += 7_200_000;
    expect(await ledger.checkpointIfDue(keys)).toBeUndefined();
    await ledger.intend(Array.from({ length: 63 }, () => EVENT));
    expect(await ledger.checkpointIfDue(keys)).toBeUndefined();
    await ledger.intend([EVENT]);
    expect(await ledger.checkpointIfDue(keys)).toMatchObject({ size: 67 });
    await ledger.intend([EVENT]);
    place.now += 3_599_999;
    expect(await ledger.checkpointIfDue(keys)).toBeUndefined();
    place.now += 1;
    expect(await ledger.checkpointIfDue(keys)).toMatchObject({ size: 68 });
  });

  test('a ring with another own key signs with the same key when it was wrapped for it, and with a new one, on record, when not', async () => {
    const ledger = await open(await newPlace());
    const [first, second, stranger] = [ring(), ring(), ring()];
    await ledger.rewrapSigner(first, second);
    await ledger.checkpoint(first);
    const before = (await ledger.store.signer())!;
    await ledger.rewrapSigner(first, second);
    for (const keys of [second, first]) {
      await ledger.record({ ...EVENT, outcome: 'success' });
      await ledger.checkpoint(keys);
    }
    const { publicKey, wrapped } = (await ledger.store.signer())!;
    expect(publicKey).toEqual(before.publicKey);
    expect(wrapped.length).toBe(2);
    await ledger.checkpoint(stranger);
    expect((await ledger.store.signers()).length).toBe(2);
    expect((await entriesOf(ledger)).filter(({ operation }) => operation === 'ledger-signer').length).toBe(2);
  });
});

describe('a ledger that contradicts what was signed', () => {
  /** @returns a copy of the ledger from before the last checkpoint */
  async function signedAndCopied(place: Place, keys: LedgerKeyHolder): Promise<string> {
    const copy = `${place.path}.copy`;
    let ledger = await open(place);
    await ledger.record({ ...EVENT, outcome: 'success' });
    await ledger.checkpoint(keys);
    await ledger.close();
    copyFileSync(place.path, copy);
    ledger = await open(place);
    await ledger.intend([EVENT, EVENT]);
    await ledger.checkpoint(keys);
    await ledger.close();
    return copy;
  }

  test('[B5] an old copy that is put back is refused, until it is accepted on record', async () => {
    const place = await newPlace();
    const keys = ring();
    const copy = await signedAndCopied(place, keys);
    copyFileSync(copy, place.path);
    const ledger = await open(place);
    const refusal = { code: 'ledger-rewound', message: `the ledger ${place.path} has 3 entries, and once had 5` };
    expect(await refusalOf(ledger.intend([EVENT]))).toMatchObject(refusal);
    expect(await refusalOf(ledger.record({ ...EVENT, outcome: 'success' }))).toMatchObject(refusal);
    expect(await refusalOf(ledger.checkpoint(keys))).toMatchObject(refusal);
    expect(ledger.rewound).toMatchObject(refusal);
    expect((await ledger.openIntents()).length).toBe(0);
    expect((await ledger.store.head()).size).toBe(3);
    await ledger.acceptRestored('disk failed');
    expect(ledger.rewound).toBeUndefined();
    const known = (await entriesOf(ledger)).at(-1)!;
    expect(known).toMatchObject({ operation: 'ledger-restored', reason: 'disk failed', details: { size: 3, knownSize: 5, origin: `lockfast.ledger/${ledger.store.logId}/2` } });
    await ledger.close();
    const after = await open(place);
    expect(after.rewound).toBeUndefined();
    expect(await refusalOf(after.acceptRestored('again'))).toMatchObject({ code: 'usage' });
    expect(await after.checkpointIfDue(keys)).toMatchObject({ origin: `lockfast.ledger/${ledger.store.logId}/2`, size: 4 });
    await after.close();
    // And what was accepted binds as well.
    copyFileSync(copy, place.path);
    const third = await open(place);
    expect(third.rewound).toMatchObject({ code: 'ledger-rewound' });
    await third.acceptRestored('again');
    expect(await third.checkpoint(keys)).toMatchObject({ origin: `lockfast.ledger/${ledger.store.logId}/3` });
  });

  test('[B5] an old copy that grew to the old size has another root', async () => {
    const place = await newPlace();
    const copy = await signedAndCopied(place, ring());
    copyFileSync(copy, place.path);
    const store = await openSqliteLedger(place.path);
    await store.append([1, 2, 3, 4].map((i) => Buffer.from(`{"v":1,"forged":${i}}`)));
    await store.close();
    const ledger = await open(place);
    expect(ledger.rewound).toMatchObject({ code: 'ledger-rewound', message: `the first 5 entries of the ledger ${place.path} are not those that were signed` });
  });

  test('[B5] a deleted WAL with signed entries in it is found', async () => {
    const place = await newPlace();
    const keys = ring();
    const ledger = await open(place);
    await ledger.record({ ...EVENT, outcome: 'success' });
    await ledger.checkpoint(keys);
    // Copied as it would lie there after a power cut, without the WAL.
    const path = `${place.path}.copy`;
    copyFileSync(place.path, path);
    expect((await open({ ...place, path })).rewound).toMatchObject({ code: 'ledger-rewound' });
  });

  test('a run that was killed before it noted what it had signed leaves no gap: the next one notes it, and signs nothing', async () => {
    const place = await newPlace();
    const keys = ring();
    const ledger = await open(place);
    await ledger.record({ ...EVENT, outcome: 'success' });
    const { note } = await ledger.checkpoint(keys);
    const directory = join(place.state, 'ledgers');
    const file = join(directory, `${ledger.store.logId}.checkpoint`);
    rmSync(file);
    writeFileSync(join(directory, `.${ledger.store.logId}.checkpoint.lockfast-0123456789abcdef.tmp`), note.slice(0, 50));
    expect(await (await open(place)).checkpointIfDue(keys)).toBeUndefined();
    expect(readdirSync(directory)).toEqual([`${ledger.store.logId}.checkpoint`]);
    expect(readFileSync(file, 'utf8')).toBe(note);
    expect(await ledger.store.checkpoints()).toHaveLength(1);
  });

  test('a known checkpoint that is none is refused, and replaced by accepting', async () => {
    const place = await newPlace();
    await signedAndCopied(place, ring());
    const { logId, close } = await openSqliteLedger(place.path).then((store) => ({ logId: store.logId, close: async () => await store.close() }));
    await close();
    const file = join(place.state, 'ledgers', `${logId}.checkpoint`);
    writeFileSync(file, 'nonsense');
    const ledger = await open(place);
    expect(ledger.rewound).toMatchObject({ code: 'ledger-rewound', message: `${file} is no checkpoint of a ledger` });
    await ledger.acceptRestored('it was changed');
    await ledger.record({ ...EVENT, outcome: 'success' });
    rmSync(file);
    chmodSync(join(place.state, 'ledgers'), 0o700);
    expect((await open(place)).rewound).toBeUndefined();
  });
});
