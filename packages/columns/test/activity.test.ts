/** What columns tell of themselves: events, counts, entries for the ledger, lines for a log. Never a value. */
import { spawnSync } from 'node:child_process';
import { channel, subscribe, unsubscribe } from 'node:diagnostics_channel';
import { setTimeout as sleep } from 'node:timers/promises';

import { column, COLUMN_CHANNEL, ColumnActivity, ColumnCounts, type ColumnEvent } from '@lockfast/columns';
import { LockfastError } from '@lockfast/core/errors';
import type { AuditEvent, AuditOutcome, AuditSink } from '@lockfast/core/ports';
import { describe, expect, onTestFinished, test } from 'vitest';

import { heldRing, rotatedRing } from './held-ring.ts';
import { refusalOf } from './refusal.ts';

const ring = await heldRing();
const key = ring.active().id;
const rotated = rotatedRing(ring);
const ID = 'integrations.slack.bot_token';
const botToken = column(ring, { id: ID, context: ['org_id'] });
const later = column(rotated, { id: ID, context: ['org_id'] });
const acme = { org_id: 'acme' };
const stored = botToken.encrypt('x', acme);

/** Keeps what it is given, and refuses where it is told to. */
class KeptEntries implements AuditSink {
  readonly entries: (AuditEvent & AuditOutcome)[] = [];
  refusesAfter = Infinity;

  intend(): Promise<never> {
    return Promise.reject(new Error('counts need no intent'));
  }

  conclude(): Promise<never> {
    return Promise.reject(new Error('counts need no intent'));
  }

  async record(entry: AuditEvent & AuditOutcome): Promise<void> {
    await sleep(1);
    if (this.entries.length >= this.refusesAfter) throw new LockfastError('ledger-unavailable', 'the ledger can not be written', 'see to its disk');
    this.entries.push(entry);
  }
}

function heard(action: () => void): ColumnEvent[] {
  const events: ColumnEvent[] = [];
  const keep = (message: unknown): void => void events.push(message as ColumnEvent);
  subscribe(COLUMN_CHANNEL, keep);
  action();
  unsubscribe(COLUMN_CHANNEL, keep);
  return events;
}

describe('[T5] events', () => {
  test('what was done: column, count, format, key', () => {
    expect(heard(() => botToken.encrypt('x', acme))).toEqual([{ event: 'encrypt', column: ID, count: 1, format: 'lfv1', key }]);
    expect(heard(() => botToken.decrypt(stored, acme))).toEqual([{ event: 'decrypt', column: ID, count: 1, format: 'lfv1', key }]);
    expect(heard(() => botToken.encryptBatch(['a', null, 'b'], [acme, acme, acme]))).toEqual([{ event: 'encrypt', column: ID, count: 2, format: 'lfv1', key }]);
    expect(heard(() => later.decryptBatch([stored, later.encrypt('x', acme), stored], [acme, acme, acme]))).toEqual([
      { event: 'encrypt', column: ID, count: 1, format: 'lfv1', key: rotated.active().id },
      { event: 'decrypt', column: ID, count: 2, format: 'lfv1', key },
      { event: 'decrypt', column: ID, count: 1, format: 'lfv1', key: rotated.active().id },
    ]);
    const fernet = column(ring, { id: ID, format: 'fernet' });
    expect(heard(() => fernet.decrypt(fernet.encrypt('x')))).toMatchObject([{ event: 'encrypt', format: 'fernet', key: `ring:${key}` }, { event: 'decrypt', format: 'fernet', key: `ring:${key}` }]);
  });

  test('nothing is told of NULL', () => {
    expect(heard(() => [botToken.encrypt(null), botToken.decrypt(null), botToken.encryptBatch([null]), botToken.decryptBatch([null, null])])).toEqual([]);
  });

  test('a failure has its code, and an event of its own for each', () => {
    const failures = heard(() => {
      refusalOf(() => botToken.decrypt(stored, { org_id: 'globex' }));
      refusalOf(() => botToken.decryptBatch([stored, 'plain'], [acme, acme]));
      refusalOf(() => botToken.encrypt(stored as string, acme));
      refusalOf(() => botToken.encryptBatch(['x'], []));
      refusalOf(() => botToken.keyIdOf('lfv1.', acme));
    });
    expect(failures).toEqual([
      { event: 'failure', column: ID, count: 1, operation: 'decrypt', code: 'moved-or-altered' },
      { event: 'failure', column: ID, count: 1, operation: 'decrypt', code: 'not-encrypted' },
      { event: 'failure', column: ID, count: 1, operation: 'encrypt', code: 'already-encrypted' },
      { event: 'failure', column: ID, count: 1, operation: 'encrypt', code: 'invalid-context' },
      { event: 'failure', column: ID, count: 1, operation: 'decrypt', code: 'malformed' },
    ]);
  });
});

describe('[T6] counts', () => {
  test('by column, operation, key and code; failed operations, key ring errors and failed starts beside them', () => {
    const counting = new ColumnCounts();
    onTestFinished(() => counting.stop());
    botToken.encryptBatch(['a', 'b'], [acme, acme]);
    botToken.decrypt(stored, acme);
    later.decryptBatch([stored, stored], [acme, acme]);
    for (let i = 0; i < 3; i++) refusalOf(() => botToken.decrypt('plain', acme));
    refusalOf(() => botToken.encrypt('x'));
    const loose = column(ring, { id: 'a.b', reading: 'allow-plaintext', onPlaintext: () => {} });
    loose.decryptBatch(['x', 'y']);
    for (const code of ['ring-missing', 'wrong-environment', 'ring-missing']) channel('lockfast:keyring').publish({ event: 'refused', code });
    channel('lockfast:keyring').publish({ event: 'opened', environment: 'production', activeKey: key });
    expect(counting.counts()).toEqual({
      columns: [
        { column: ID, operation: 'encrypt', key, count: 2 },
        { column: ID, operation: 'decrypt', key, count: 3 },
        { column: ID, operation: 'decrypt', code: 'not-encrypted', count: 3 },
        { column: ID, operation: 'encrypt', code: 'invalid-context', count: 1 },
        { column: 'a.b', operation: 'read-plaintext', count: 2 },
      ],
      failedOperations: { 'not-encrypted': 3, 'invalid-context': 1 },
      keyRingErrors: { 'ring-missing': 2, 'wrong-environment': 1 },
      failedStarts: 3,
    });
    counting.stop();
    botToken.decrypt(stored, acme);
    expect(counting.counts().columns[1]!.count).toBe(3);
  });
});

describe('[T5] [D6] the ledger', () => {
  test('one entry for each column and operation, whatever their number, and none where nothing happened', async () => {
    const sink = new KeptEntries();
    const activity = new ColumnActivity(sink, 3_600_000, () => {});
    for (let i = 0; i < 100; i++) botToken.decrypt(stored, acme);
    later.decryptBatch([stored, later.encrypt('x', acme)], [acme, acme]);
    for (let i = 0; i < 3; i++) refusalOf(() => botToken.decrypt('plain', acme));
    refusalOf(() => botToken.decrypt(stored, { org_id: 'globex' }));
    const free = column(ring, { id: 'a.b' });
    free.encrypt('x');
    expect(activity.counts().unrecorded).toBe(108);
    await activity.flush();
    expect(sink.entries).toEqual([
      {
        operation: 'decrypt',
        object: ID,
        outcome: 'failure',
        code: 'not-encrypted',
        details: { values: 102, failed: 4, [`under ${key}`]: 101, [`under ${rotated.active().id}`]: 1, 'failed not-encrypted': 3, 'failed moved-or-altered': 1 },
      },
      { operation: 'encrypt', object: ID, outcome: 'success', keyId: rotated.active().id, details: { values: 1 } },
      { operation: 'encrypt', object: 'a.b', outcome: 'success', keyId: key, details: { values: 1 } },
    ]);
    expect(activity.counts().unrecorded).toBe(0);
    await activity.flush();
    expect(sink.entries).toHaveLength(3);
    free.encrypt('x');
    await activity.close();
    expect(sink.entries.slice(3)).toEqual([{ operation: 'encrypt', object: 'a.b', outcome: 'success', keyId: key, details: { values: 1 } }]);
    free.encrypt('x');
    await activity.close();
    expect(sink.entries).toHaveLength(4);
  });

  test('what a ledger does not take is kept, told of, and recorded once it does', async () => {
    const sink = new KeptEntries();
    sink.refusesAfter = 1;
    const failures: unknown[] = [];
    const activity = new ColumnActivity(sink, 20, (error) => failures.push(error));
    onTestFinished(() => activity.close());
    botToken.decrypt(stored, acme);
    column(ring, { id: 'a.b' }).encrypt('x');
    await expect.poll(() => failures.length).toBeGreaterThan(1);
    expect(failures[0]).toMatchObject({ code: 'ledger-unavailable' });
    expect(activity.counts().unrecorded).toBe(1);
    await expect(activity.close()).rejects.toMatchObject({ code: 'ledger-unavailable' });
    sink.refusesAfter = Infinity;
    await activity.close();
    expect(sink.entries.map(({ object, operation, details }) => [object, operation, details])).toEqual([
      [ID, 'decrypt', { values: 1 }],
      ['a.b', 'encrypt', { values: 1 }],
    ]);
    expect(activity.counts()).toMatchObject({ unrecorded: 0, columns: [{ count: 1 }, { count: 1 }] });
  });

  test('what happens while it is being recorded is in the next entry; two at once record nothing twice', async () => {
    const sink = new KeptEntries();
    const activity = new ColumnActivity(sink, 3_600_000, () => {});
    botToken.decrypt(stored, acme);
    const first = activity.flush();
    const second = activity.flush();
    botToken.decrypt(stored, acme);
    await sleep(0);
    botToken.decrypt(stored, acme);
    await Promise.all([first, second, activity.close()]);
    expect(sink.entries.map(({ details }) => details!['values']).reduce<number>((sum, count) => sum + (count as number), 0)).toBe(3);
    expect(sink.entries.length).toBeGreaterThan(1);
  });

  test('it keeps no process alive', () => {
    const script = `
      import { ColumnActivity, logColumnEvents } from '@lockfast/columns';
      new ColumnActivity({ record: async () => {} }, 100_000, () => {});
      logColumnEvents(console);
      console.log('end');`;
    const { status, stdout } = spawnSync(process.execPath, ['--conditions=lockfast-source', '--input-type=module', '-e', script], { cwd: new URL('.', import.meta.url), encoding: 'utf8', timeout: 30_000 });
    expect(stdout).toBe('end\n');
    expect(status).toBe(0);
  });
});
