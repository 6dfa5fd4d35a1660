/** A value that is planted in every file and every argument must be in no error, however it is printed. */
import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { inspect } from 'node:util';

import { beforeEach, expect, test } from 'vitest';

import {
  changesBetween,
  decryptFile,
  encryptEnvFile,
  encryptFile,
  mergeEntries,
  mergeFiles,
  openEnvFile,
  portabilityWarnings,
  printAssignment,
  readEnvFile,
  readPlaintextFile,
  replaceFile,
  setVariable,
  splitEntries,
  unsetVariable,
  updateEnvFile,
  type WriteScope,
} from '@lockfast/core/env';
import { DIALECT_NAMES } from '@lockfast/core/env/dialects';
import { LockfastError } from '@lockfast/core/errors';
import { identityOf } from '@lockfast/core/files';
import { generateRootKey } from '@lockfast/core/keyring';

import { missingForMounting, scratchDirectory, smallDisk } from '../files/scratch.ts';
import { newRing, rootKey } from './rings.ts';
import { linesOf, withChecksum } from './second-writer.ts';
import { tamperings, WHERE } from './tampering.ts';

const CANARY = 'kestrel7Zq-fulmar';
const ring = await newRing();
/** The canary as other code might print it, and the keys of this run. */
const FORBIDDEN = [
  CANARY,
  CANARY.slice(0, 9),
  Buffer.from(CANARY).toString('base64').slice(1, -3),
  Buffer.from(CANARY).toString('hex'),
  inspect(Buffer.from(CANARY)).slice('<Buffer '.length, -1),
  [...Buffer.from(CANARY)].join(', '),
  rootKey.slice(16, 40),
  ...ring.active().secret.use((key) => [key.toString('hex'), key.toString('base64url'), inspect(key).slice('<Buffer '.length, -1)]),
];

const PLAINTEXT = `# ${CANARY}\nA=${CANARY}\nB="${CANARY}\n${CANARY}"\nexport C=${CANARY}\n${CANARY}\n`;

let scope: WriteScope;
let directory: string;
let plain: string;
let target: string;

beforeEach(() => {
  directory = scratchDirectory();
  scope = { ring, tenant: '', stateDirectory: join(directory, 'state') };
  [plain, target] = [join(directory, '.env'), join(directory, '.env.encrypted')];
  writeFileSync(plain, PLAINTEXT);
});

/** The action fails as foreseen, and nothing of its error tells the canary. */
async function failsSilently(action: () => unknown, title?: string): Promise<void> {
  const error: unknown = await new Promise((resolve) => resolve(action())).then(
    () => expect.fail(`${title ?? 'it'} was not refused`),
    (reason: unknown) => reason,
  );
  expect(error, title).toBeInstanceOf(LockfastError);
  silent(error);
}

function silent(value: unknown): void {
  const printed = [inspect(value, { depth: Infinity, showHidden: true, getters: true, maxArrayLength: null, maxStringLength: null }), String(value), JSON.stringify(value)];
  for (let error = value; error instanceof Error; error = error.cause) {
    printed.push(error.message, error.stack ?? '', error instanceof LockfastError ? error.hint : '', JSON.stringify(Object.entries(error)));
  }
  for (const text of printed) for (const word of FORBIDDEN) expect(text).not.toContain(word);
}

const encrypted = (text = PLAINTEXT): Buffer => encryptEnvFile({ entries: splitEntries(Buffer.from(text)) }, scope);

test('the search finds a canary', () => {
  for (const leak of [new Error(CANARY), new LockfastError('damaged', 'm', CANARY), new LockfastError('damaged', 'm', 'h', new Error('x', { cause: { bytes: Buffer.from(CANARY) } }))]) {
    expect(() => silent(leak)).toThrow(/expected/);
  }
});

test('altered files', async () => {
  for (const { title, file, scope: to } of await tamperings(CANARY)) await failsSilently(() => openEnvFile(file, to, WHERE), title);
});

test('damaged files', async () => {
  const file = encrypted();
  for (let at = 0; at < file.length; at += 17) {
    const altered = Buffer.from(file);
    altered[at]! ^= 1;
    await failsSilently(() => openEnvFile(altered, scope, WHERE));
    await failsSilently(() => openEnvFile(file.subarray(0, at), scope, WHERE));
  }
  await failsSilently(() => openEnvFile(Buffer.from(PLAINTEXT), scope, WHERE));
});

test('a plaintext that was put into an encrypted file', async () => {
  const lines = linesOf(encrypted());
  for (const own of [`A=${CANARY}`, `# ${CANARY}`, `${CANARY}=lfv1.${CANARY}`, `A=lfv1.${CANARY}`]) {
    await failsSilently(() => openEnvFile(withChecksum([lines[0]!, own, ...lines.slice(1)]), scope, WHERE));
  }
  for (const [from, to] of [[/salt=\S+/, `salt=${CANARY}`], [/key=\S+/, `key=${CANARY}`], [/hkdf/, CANARY], [/revision=\d+/, `revision=${CANARY}`]] as const) {
    await failsSilently(() => openEnvFile(withChecksum([lines[0]!.replace(from, to), ...lines.slice(1)]), scope, WHERE));
  }
});

test('what is not encrypted', async () => {
  const value = linesOf(encrypted())[2]!.slice(2);
  for (const text of [`A=${CANARY} ${generateRootKey()}\n`, `# ${CANARY} ${rootKey}\n`, `A=${value} # ${CANARY}\n`, `${value}\n`, `A="${CANARY.repeat(2 ** 20)}"\n`, `${CANARY}\n`.repeat(2 ** 19 + 1)]) {
    await failsSilently(() => encrypted(text));
  }
  await failsSilently(() => encryptEnvFile({ entries: splitEntries(Buffer.from(PLAINTEXT)), derivation: { name: 'pbkdf2-sha256', iterations: 1 } }, scope));
});

test('values that can not be written, and files that get in the way', async () => {
  for (const dialect of DIALECT_NAMES) {
    await failsSilently(() => printAssignment('A', `${CANARY}\ud800\0`, dialect), dialect);
    await failsSilently(() => setVariable(splitEntries(Buffer.from(PLAINTEXT)), 'A', `${CANARY}\udfff`, dialect), dialect);
    await failsSilently(() => printAssignment(`not a name ${CANARY}`, CANARY, dialect), dialect);
  }
  await failsSilently(() => setVariable(splitEntries(Buffer.from(`X="${CANARY}\n`)), 'A', CANARY, 'systemd'));
  await failsSilently(() => setVariable(splitEntries(Buffer.from(`${CANARY} B=${CANARY}\n`)), 'A', CANARY, 'docker'));
  await failsSilently(() => setVariable(splitEntries(Buffer.from(`X="${CANARY}\n`)), 'A', CANARY, 'compose'));
  await failsSilently(() => unsetVariable(splitEntries(Buffer.from(PLAINTEXT)), 'NOT_THERE'));
});

test('files on the disk', async () => {
  await encryptFile(readPlaintextFile(plain), target, scope, { keep: true });
  const good = readFileSync(target);
  await failsSilently(() => decryptFile(target, plain, scope));
  await failsSilently(() => decryptFile(plain, join(directory, 'out'), scope));
  await failsSilently(() => encryptFile(readPlaintextFile(plain), plain, scope, { force: true }));
  await failsSilently(() => encryptFile(readPlaintextFile(plain), join(directory, 'nowhere/x'), scope));
  await failsSilently(() => encryptFile(readPlaintextFile(plain), target, { ...scope, tenant: 'acme' }));
  await failsSilently(() => readEnvFile(plain, scope));
  await failsSilently(() => updateEnvFile(plain, scope, (entries) => entries));
  await failsSilently(() => updateEnvFile(target, scope, (entries) => unsetVariable(entries, 'NOT_THERE')));
  await failsSilently(() => updateEnvFile(target, scope, () => [{ kind: 'assignment', name: 'A', bytes: Buffer.from(`B=${CANARY}`) }]));
  await failsSilently(() => replaceFile(target, Buffer.from(PLAINTEXT), identityOf(target)!, scope));
  await failsSilently(() => replaceFile(target, good, identityOf(plain)!, scope));

  const read = readPlaintextFile(plain);
  writeFileSync(plain, `${PLAINTEXT}D=${CANARY}\n`);
  await failsSilently(() => encryptFile(read, target, scope));
  rmSync(plain);
  await failsSilently(() => encryptFile(read, target, scope));
  await failsSilently(() => readPlaintextFile(plain));
  writeFileSync(plain, good);
  await failsSilently(() => readPlaintextFile(plain));

  chmodSync(target, 0o600);
  writeFileSync(target, PLAINTEXT);
  await failsSilently(() => encryptFile(read, target, scope));
  rmSync(target);
  symlinkSync(plain, target);
  await failsSilently(() => encryptFile(read, target, scope, { force: true }));
  rmSync(target);
  mkdirSync(target);
  await failsSilently(() => encryptFile(read, target, scope, { force: true }));
});

const missing = missingForMounting();
test.skipIf(missing !== undefined)(`a full and a read-only disk${missing === undefined ? '' : ` (${missing})`}`, async () => {
  const disk = smallDisk();
  writeFileSync(plain, `A=${CANARY.repeat(4_000)}\n`);
  await failsSilently(() => encryptFile(readPlaintextFile(plain), join(disk, 'x'), scope));
  await updateEnvFile(join(disk, 'x'), scope, () => splitEntries(Buffer.from(PLAINTEXT)));
  execFileSync('mount', ['-o', 'remount,ro', disk]);
  await failsSilently(() => updateEnvFile(join(disk, 'x'), scope, (entries) => entries.slice(1)));
  await failsSilently(() => decryptFile(join(disk, 'x'), join(disk, 'y'), scope));
});

test('merges, differences and warnings', async () => {
  const base = openEnvFile(encrypted(), scope, 'x');
  const later = openEnvFile(encryptEnvFile({ entries: splitEntries(Buffer.from(`A=${CANARY}2\n`)), previous: base }, scope), scope, 'x');
  await failsSilently(() => mergeFiles(later, base, later, 'ours', scope));
  const [a, b, c] = [PLAINTEXT, `A=${CANARY}-ours\n`, `A=${CANARY}-theirs\n`].map((text) => splitEntries(Buffer.from(text)));
  silent(mergeEntries(a!, b!, c!).conflicts);
  silent(changesBetween(a!, b!));
  silent(portabilityWarnings(Buffer.from(PLAINTEXT)));
});

test('a ring, however it is printed, tells no key', () => {
  silent(ring);
  silent(ring.active());
  silent({ scope });
});
