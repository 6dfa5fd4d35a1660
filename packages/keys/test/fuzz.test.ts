/** Key source URIs and the files and variables behind them, arbitrary and nearly right: a code, never a crash. */
import { randomBytes, randomInt } from 'node:crypto';
import { chmodSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { LockfastError } from '@lockfast/core/errors';
import { generateRootKey, KeyRing } from '@lockfast/core/keyring';
import { keySource } from '@lockfast/keys';
import { expect, test } from 'vitest';

import { scratch, surroundings } from './surroundings.ts';

const CODES = ['invalid-source', 'source-unavailable', 'invalid-key', 'wrong-key', 'terminal-needed', 'invalid-share'];

test('[D5] any URI, any file, any variable', async () => {
  const directory = scratch();
  const key = generateRootKey();
  const ring = (await KeyRing.create('production', [keySource('env:K', surroundings({ environment: { K: key } }))])).print();
  const path = join(directory, 'k');
  writeFileSync(path, key);
  chmodSync(path, 0o600);
  const end = performance.now() + 1_000;
  let opened = 0;
  while (performance.now() < end) {
    const content = Buffer.from(key);
    if (randomInt(4) !== 0) content[randomInt(content.length)] = randomInt(256);
    writeFileSync(path, content);
    const junk = randomBytes(randomInt(12)).toString('latin1');
    const uri = [`file:k`, 'env:K', 'credential:k', `file:${junk}`, `credential:${junk}`, `env:${junk}`, `passphrase:${junk}`, `shares:${junk}`, junk, `${junk}:k`][randomInt(10)]!;
    const around = surroundings({ directory, home: directory, environment: { K: content.toString('latin1'), CREDENTIALS_DIRECTORY: directory } });
    try {
      await KeyRing.open(ring, 'ring', [keySource(uri, around)]);
      opened += 1;
      expect(content.toString('latin1').trim()).toBe(key);
    } catch (error) {
      if (!(error instanceof LockfastError) || !CODES.includes(error.code)) throw new Error(`${JSON.stringify(uri)} fails: ${String(error)}`, { cause: error });
    }
  }
  expect(opened).toBeGreaterThan(0);
});
