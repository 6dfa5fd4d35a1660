/** An application with encrypted columns: what it read and wrote is on record as counts, what kept it from starting is counted. */
import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { column, ColumnActivity, ColumnCounts } from '@lockfast/columns';
import { LockfastError } from '@lockfast/core/errors';
import { generateRootKey, KeyRing } from '@lockfast/core/keyring';
import { keySource, openKeyRing, type Surroundings } from '@lockfast/keys';
import { createSqliteLedger, Ledger, parseEntry, storedLedger, verifyLedger } from '@lockfast/ledger';
import { expect, onTestFinished, test } from 'vitest';

const ACTOR = { user: 'shop', uid: 1000, host: 'web1', pid: 7, program: 'shop 2.1' };

interface Application {
  readonly path: string;
  readonly directory: string;
  readonly around: Surroundings;
}

/** With a key ring of `environment` in a file. */
async function application(environment: string): Promise<Application> {
  const directory = mkdtempSync(join(realpathSync.native(tmpdir()), 'lockfast-activity-'));
  onTestFinished(() => rmSync(directory, { recursive: true }));
  const around: Surroundings = { environment: { ROOT: generateRootKey() }, home: directory, directory, askPassphrase: () => Promise.reject(new Error('nobody is asked')) };
  const ring = await KeyRing.create(environment, [keySource('env:ROOT', around)]);
  const path = join(directory, 'keyring.json');
  writeFileSync(path, ring.print(), { mode: 0o600 });
  return { path, directory, around };
}

test('[T5] [D6] a thousand reads are one entry of a real ledger, which verifies', async () => {
  const { path, directory, around } = await application('production');
  const stateDirectory = join(directory, 'state');
  mkdirSync(stateDirectory);
  const store = await createSqliteLedger(join(directory, 'ledger.db'));
  const ledger = await Ledger.open(store, { actor: ACTOR, stateDirectory });
  const ring = await openKeyRing({ path, sources: ['env:ROOT'] }, around, { production: true });
  const activity = new ColumnActivity(ledger, 60_000, (error) => expect.fail(String(error)));
  const botToken = column(ring, { id: 'integrations.slack.bot_token', context: ['org_id'] });
  const contexts = Array.from({ length: 1000 }, (_, org_id) => ({ org_id }));
  const stored = botToken.encryptBatch(contexts.map(({ org_id }) => `canary-${org_id}`), contexts);
  stored.forEach((one, i) => botToken.decrypt(one, contexts[i]));
  expect(() => botToken.decrypt(stored[0]!, { org_id: 7 })).toThrow(LockfastError);
  await activity.close();
  const entries = (await store.read(1, 100)).map(({ entry }) => parseEntry(entry));
  const key = ring.active().id;
  expect(entries.slice(1)).toMatchObject([
    { kind: 'event', operation: 'encrypt', object: 'integrations.slack.bot_token', outcome: 'success', keyId: key, details: { values: 1000 }, actor: ACTOR },
    { kind: 'event', operation: 'decrypt', object: 'integrations.slack.bot_token', outcome: 'failure', code: 'moved-or-altered', keyId: key, details: { values: 1000, failed: 1 } },
  ]);
  expect(JSON.stringify(entries)).not.toContain('canary');
  const verdict = await verifyLedger(await storedLedger(store), { logId: store.logId, publicKeys: undefined, witnesses: [], held: [], epochKey: await store.epochKey() });
  expect(verdict.ok).toBe(true);
  await ledger.close();
});

test('[T2] [T6] starts that failed are counted by what kept them from it', async () => {
  const counting = new ColumnCounts();
  onTestFinished(() => counting.stop());
  const { path, around } = await application('staging');
  const mode = { production: true } as const;
  for (const [location, surroundings] of [
    [{ path, sources: ['env:ROOT'] }, around],
    [{ path: `${path}.gone`, sources: ['env:ROOT'] }, around],
    [{ path, sources: ['env:ROOT'] }, { ...around, environment: {} }],
    [{ path, sources: ['env:ROOT'] }, { ...around, environment: { ROOT: generateRootKey() } }],
  ] as const) {
    await expect(openKeyRing(location, surroundings, mode)).rejects.toThrow(LockfastError);
  }
  const { keyRingErrors, failedStarts } = counting.counts();
  expect(keyRingErrors).toEqual({ 'wrong-environment': 1, 'ring-missing': 1, 'source-unavailable': 1, 'wrong-key': 1 });
  expect(failedStarts).toBe(4);
  await openKeyRing({ path, sources: ['env:ROOT'] }, around, { ...mode, environment: 'staging' });
  expect(counting.counts().failedStarts).toBe(4);
});
