/** [T5] Values, contexts and keys in nothing that is logged, thrown or printed: with the real pino, and canaries. */
import { Writable } from 'node:stream';
import { inspect } from 'node:util';

import { column, type ColumnDefinition, type JsonValue, logColumnEvents, type Stored } from '@lockfast/columns';
import { fernetKeyText, generateFernetKey, parseFernetKey } from '@lockfast/core/formats';
import { Secret } from '@lockfast/core/keyring';
import { channel } from 'node:diagnostics_channel';
import { pino, stdSerializers } from 'pino';
import { describe, expect, onTestFinished, test } from 'vitest';

import { heldRing } from './held-ring.ts';

const CANARY = 'canary-4b1d-xoxb';
const PLACE = 'canary-4b1d-org';
const ring = await heldRing();
const foreign = await heldRing();
const fernetKey = generateFernetKey();
const FERNET_KEYS = [{ name: 'env:ENCRYPTION_KEY', key: new Secret(parseFernetKey(fernetKey)) }];

/** Whatever a canary could look like after it has gone through somebody's hands. */
const FORMS = [CANARY, PLACE, fernetKey, fernetKey.slice(0, 43)].flatMap((text) => [text, Buffer.from(text).toString('hex'), Buffer.from(text).toString('base64').slice(0, 18), encodeURIComponent(text)]);

function expectNoCanary(text: string): void {
  for (const form of FORMS) expect(text).not.toContain(form);
}

/** Everything that can go wrong, with canaries in value and context. */
function failures(): unknown[] {
  const thrown: unknown[] = [];
  const attempt = (action: () => unknown): void => {
    try {
      action();
    } catch (error) {
      thrown.push(error);
      return;
    }
    throw new Error('it did not fail');
  };
  const place = { org_id: PLACE };
  const definitions: ColumnDefinition[] = [
    { id: 'a.token', context: ['org_id'] },
    { id: 'a.token', context: ['org_id'], storage: 'binary' },
    { id: 'a.token', context: ['org_id'], migrating: true, fernetKeys: FERNET_KEYS },
    { id: 'a.token', context: ['org_id'], migrating: true, format: 'fernet', fernetKeys: FERNET_KEYS },
    { id: 'a.token', context: ['org_id'], reading: 'allow-plaintext', onPlaintext: () => {}, maxAge: 1 },
  ];
  for (const definition of definitions) {
    const text = column(ring, definition);
    const json = column(ring, { ...definition, as: 'json' });
    const bytes = column(ring, { ...definition, as: 'bytes' });
    const good = text.encrypt(CANARY, place);
    const theirs = column(foreign, { id: 'a.token', context: ['org_id'] }).encrypt(CANARY, place);
    const fernet = column(foreign, { id: 'a.token', format: 'fernet' }).encrypt(CANARY);
    attempt(() => text.encrypt(good as string, place));
    attempt(() => text.encrypt(`${CANARY}\ud800`, place));
    attempt(() => text.encrypt({ [CANARY]: CANARY } as unknown as string, place));
    attempt(() => text.encrypt(CANARY, { org_id: PLACE, [PLACE]: 1 }));
    attempt(() => text.encrypt(CANARY, { org_id: [PLACE] as unknown as string }));
    attempt(() => text.encrypt(CANARY, { [PLACE]: PLACE }));
    // Fernet has no such limit.
    if (definition.format !== 'fernet') attempt(() => text.encrypt(CANARY.repeat(2 ** 20 + 1), place));
    attempt(() => text.encryptBatch([CANARY, 7 as unknown as string], [place, place]));
    attempt(() => text.encryptBatch([CANARY], []));
    attempt(() => json.encrypt({ [CANARY]: new Map([[CANARY, CANARY]]) as unknown as JsonValue }, place));
    attempt(() => json.encrypt({ [CANARY]: NaN }, place));
    attempt(() => bytes.encrypt(CANARY as unknown as Uint8Array, place));
    for (const stored of [theirs, fernet, `lfv1.${CANARY}`, `gAAAAA${CANARY}`, Buffer.from(`lfv1.${CANARY}`), { [CANARY]: CANARY } as unknown as Stored]) {
      attempt(() => text.decrypt(stored, place));
      attempt(() => text.decryptBatch([null, stored], [place, place]));
      attempt(() => text.keyIdOf(stored, place));
      attempt(() => text.ageOf(stored, place));
    }
    if (definition.format !== 'fernet') attempt(() => text.decrypt(good, { org_id: `${PLACE}2` }));
    if (definition.reading !== 'allow-plaintext') attempt(() => text.decrypt(CANARY, place));
    // The JSON parser quotes what it read.
    if (definition.reading === undefined) attempt(() => json.decrypt(text.encrypt(`{"${CANARY}`, place), place));
    if (definition.reading === undefined) attempt(() => text.decrypt(bytes.encrypt(Buffer.concat([Buffer.from(CANARY), Buffer.from([0xff])]), place), place));
  }
  return thrown;
}

const thrown = failures();

test('[T5] no error of a column holds a value, a context or a key: not in message, hint, stack, cause or own properties', () => {
  expect(thrown.length).toBeGreaterThan(150);
  for (const error of thrown) {
    expect(error).toMatchObject({ name: 'LockfastError' });
    for (let one: unknown = error; one instanceof Error; one = one.cause) {
      for (const name of Object.getOwnPropertyNames(one)) expect(['cause', 'code', 'hint', 'message', 'name', 'stack']).toContain(name);
    }
    expectNoCanary(inspect(error, { depth: 20, showHidden: true, maxStringLength: null }));
  }
});

describe('[T5] with pino', () => {
  const written: string[] = [];
  const logger = pino(
    { level: 'trace', serializers: { err: stdSerializers.errWithCause, plain: stdSerializers.err } },
    new Writable({
      write(chunk: Buffer, _, done) {
        written.push(chunk.toString());
        done();
      },
    }),
  );
  const linesOf = (action: () => void): Record<string, unknown>[] => {
    written.length = 0;
    action();
    return written.map((line) => JSON.parse(line) as Record<string, unknown>);
  };

  test('an error that is serialised, with its causes, holds none', () => {
    const lines = linesOf(() => {
      for (const error of thrown) {
        logger.error(error);
        logger.error({ err: error, plain: error }, 'it failed');
      }
    });
    expect(lines).toHaveLength(2 * thrown.length);
    expect(lines.at(-1)).toMatchObject({ err: { type: 'LockfastError', code: expect.any(String), hint: expect.any(String) } });
    expectNoCanary(written.join(''));
  });

  test('a column that somebody logs shows no key', () => {
    const secretive = column(ring, { id: 'a.b', fernetKeys: FERNET_KEYS });
    const lines = linesOf(() => logger.info({ column: secretive, ring, keys: FERNET_KEYS }, inspect(secretive, { depth: 9, showHidden: true })));
    expect(lines).toHaveLength(1);
    expectNoCanary(written.join(''));
    expect(fernetKeyText(FERNET_KEYS[0]!.key)).toBe(fernetKey);
  });

  test('[T6] one line for each event: failures are errors, plaintext a warning, all else for debugging', () => {
    const stop = logColumnEvents(logger);
    onTestFinished(stop);
    const place = { org_id: PLACE };
    const token = column(ring, { id: 'a.token', context: ['org_id'] });
    const loose = column(ring, { id: 'a.loose', reading: 'allow-plaintext', onPlaintext: () => {} });
    const key = ring.active().id;
    const lines = linesOf(() => {
      const stored = token.encrypt(CANARY, place);
      token.decryptBatch([stored, stored], [place, place]);
      loose.decrypt(CANARY);
      try {
        token.decrypt(CANARY, place);
      } catch {}
      channel('lockfast:keyring').publish({ event: 'refused', code: 'wrong-environment', environment: 'staging' });
      channel('lockfast:keyring').publish({ event: 'opened', environment: 'production', activeKey: key });
    });
    expect(lines.map(({ time, pid, hostname, ...line }) => (typeof time === 'number' && pid === process.pid && hostname !== '' ? line : undefined))).toEqual([
      { level: 20, event: 'encrypt', column: 'a.token', count: 1, format: 'lfv1', key, msg: 'a.token: encrypt' },
      { level: 20, event: 'decrypt', column: 'a.token', count: 2, format: 'lfv1', key, msg: 'a.token: decrypt' },
      { level: 40, event: 'read-plaintext', column: 'a.loose', count: 1, msg: 'a.loose: plaintext was read' },
      { level: 50, event: 'failure', column: 'a.token', operation: 'decrypt', code: 'not-encrypted', msg: 'a.token: decrypt failed: not-encrypted' },
      { level: 50, event: 'key-ring-refused', code: 'wrong-environment', environment: 'staging', msg: 'the key ring was refused: wrong-environment' },
      { level: 30, event: 'key-ring-opened', environment: 'production', activeKey: key, msg: 'the key ring is open' },
    ]);
    expectNoCanary(written.join(''));
    stop();
    expect(linesOf(() => loose.decrypt('x'))).toEqual([]);
    const everything = linesOf(() => {
      const again = logColumnEvents(logger);
      failures();
      again();
    });
    expect(everything.length).toBeGreaterThan(150);
    expectNoCanary(written.join(''));
  });
});
