/** A ledger of a test: a real store, and checkpoints of any of its sizes. */
import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { onTestFinished } from 'vitest';

import { createSqliteLedger, type LedgerStore } from '@lockfast/ledger';
import { type Submission, submissionOf } from '@lockfast/ledger/witnesses';
import { signCheckpoint } from '../../src/checkpoint.ts';
import { originOf } from '../../src/origin.ts';
import { publicKeyOf } from '../../src/signed-note.ts';

export class TestLog {
  readonly store: LedgerStore;
  readonly key: KeyObject;
  readonly origin: string;

  constructor(store: LedgerStore, key: KeyObject, origin: string) {
    this.store = store;
    this.key = key;
    this.origin = origin;
  }

  get publicKey(): Buffer {
    return publicKeyOf(this.key);
  }

  async grow(count: number, word = 'entry'): Promise<void> {
    await this.store.append(Array.from({ length: count }, (_, i) => Buffer.from(`${word} ${i}`)));
  }

  /** The checkpoint of its first `size` entries; by default of all. */
  async submission(size?: number): Promise<Submission> {
    const { origin } = this;
    const length = size ?? (await this.store.head()).size;
    const note = signCheckpoint({ origin, size: length, root: await this.store.root(length) }, this.key);
    return submissionOf(this.store, { origin, size: length, note });
  }
}

/** @param like another ledger's key and origin: one that was rewritten by who has the key */
export async function newLog(like?: TestLog): Promise<TestLog> {
  const store = await createSqliteLedger(join(scratch(), 'ledger.db'));
  onTestFinished(() => store.close());
  return new TestLog(store, like?.key ?? generateKeyPairSync('ed25519').privateKey, like?.origin ?? originOf(store.logId, 1));
}

/** A directory, removed when the test ends. */
export function scratch(): string {
  const directory = mkdtempSync(join(tmpdir(), 'lockfast-witness-'));
  onTestFinished(() => rmSync(directory, { recursive: true, force: true, maxRetries: 3 }));
  return directory;
}
