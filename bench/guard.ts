/** `guard scan` over the published sources of some packages, against secretlint's recommended rules over the same files. */
import { randomBytes } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { GuardKey, guardValues, Scanner, ValueMatcher } from '@lockfast/guard';
import { lintSource } from '@secretlint/core';
import { creator } from '@secretlint/secretlint-rule-preset-recommend';

import { interleave, type Step } from './interleave.ts';
import { type Job, LOCKFAST, type Row, rowOf } from './table.ts';

const MODULES = fileURLToPath(new URL('../node_modules/', import.meta.url));
const PACKAGES = ['typescript', 'prisma', 'drizzle-orm', 'vitest'];
/** What secretlint takes for text. Ours takes everything, but here both get the same. */
const TEXT = /\.(?:[cm]?[jt]s|json|md|map|prisma)$/;
const SECRETS = [200, 1000] as const;
/** Each form of each secret is looked for. */
const AIM = { against: 'secretlint', atLeast: 10 } as const;

interface File {
  readonly path: string;
  readonly bytes: Buffer;
}

export async function guard(rounds: number): Promise<Row[]> {
  const files = sources();
  const scanners = SECRETS.map((secrets) => ({ name: nameOf(files, secrets), scanner: scannerFor(secrets) }));
  const ours = scanners.map(({ name, scanner }): Step => async (record) => {
    const start = performance.now();
    for (const { path, bytes } of files) await scanner.file(bytes, [{ path, commit: undefined }]);
    record(name, LOCKFAST, performance.now() - start);
  });
  const theirs: Step = async (record) => {
    const start = performance.now();
    for (const { path, bytes } of files) {
      const source = { filePath: path, content: bytes.toString('utf8'), ext: /\.[^.]*$/.exec(path)?.[0] ?? '', contentType: 'text' as const };
      await lintSource({ source, options: { config: { rules: [{ id: 'preset', rule: creator }] }, noPhysicFilePath: true } });
    }
    for (const { name } of scanners) record(name, 'secretlint', performance.now() - start);
  };
  const samples = await interleave([...ours, theirs], rounds, 1);
  return scanners.map(({ name }) => rowOf({ name, unit: 'ms', contenders: ['secretlint'], aims: [AIM] } satisfies Job, samples));
}

function sources(): File[] {
  return PACKAGES.flatMap((name) => readdirSync(join(MODULES, name), { recursive: true, withFileTypes: true }))
    .filter((entry) => entry.isFile() && TEXT.test(entry.name))
    .map((entry) => join(entry.parentPath, entry.name))
    .map((path) => ({ path, bytes: readFileSync(path) }));
}

function scannerFor(secrets: number): Scanner {
  const key = GuardKey.random();
  const values = Array.from({ length: secrets }, (_, i) => ({ tenant: '', variable: `SECRET_${i}`, value: randomBytes(24).toString('base64url') }));
  return new Scanner(new ValueMatcher(guardValues(values, key, '2026-01-01', 'memory').values, key));
}

function nameOf(files: readonly File[], secrets: number): string {
  const megabytes = files.reduce((sum, { bytes }) => sum + bytes.length, 0) / 1e6;
  return `guard scan, ${megabytes.toFixed(0)} MB, ${secrets} secrets`;
}
