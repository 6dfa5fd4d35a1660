/** The specification pages are enough to read our files: a program that was written from them does. */
import { execFileSync, spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

import { openEnvFile, plaintextOf } from '@lockfast/core/env';
import { KeyRing } from '@lockfast/core/keyring';
import { keySource } from '@lockfast/keys';
import { expect, test } from 'vitest';

import { Project } from './support/project.ts';

const SECOND = fileURLToPath(new URL('../../../docs/formats/second-implementation.py', import.meta.url));
const PYTHON = '/usr/bin/python3';
const lacks = spawnSync(PYTHON, ['-c', 'import cryptography'], { stdio: 'ignore' }).status === 0 ? undefined : 'needs python3-cryptography';

const PLAINTEXT = '# mail\r\nSMTP="a b"\n\nexport B=\'1\n2\'\nKEY=-----BEGIN\nMHcCAQEEIIrYSSNQFaA2Hwf1duRSxKtLYX5CB04fSeQ6tF1aYx\nAwEHoUQDQgAE5w==\nLAST=é';

for (const derivation of ['hkdf', 'pbkdf2-sha256:100000']) {
  test.skipIf(lacks !== undefined)(`[B2] ${derivation}: Python gives the bytes back${lacks === undefined ? '' : ` (${lacks})`}`, async () => {
    using project = new Project();
    project.write('.env', PLAINTEXT);
    expect((await project.run(['init'])).status).toBe(0);
    expect((await project.run(['env', 'encrypt', '--derivation', derivation])).status).toBe(0);
    const files = [project.path('.lockfast/keyring.json'), project.rootKey, project.path('.env.encrypted')];
    expect(execFileSync(PYTHON, [SECOND, ...files]).toString('utf8')).toBe(PLAINTEXT);
    expect(project.text('.env.encrypted')).not.toContain('AwEHoUQDQgAE');
  });
}

/** The first block of a page that `begins` so. */
function example(page: string, begins: string): string {
  const text = readFileSync(new URL(`../../../docs/formats/${page}`, import.meta.url), 'utf8');
  return text.split(/^```.*\n/m).find((block) => block.startsWith(begins))!;
}

interface Ring {
  readonly format: string;
  readonly backup: null;
  readonly keys: readonly { readonly activated: string }[];
}

const FIRST = example('key-ring.md', '{\n');
const LATER = { drained: null, retired: null, destroyed: null, compromised: null };

/** The example of format 1 as its page says it is in format 2. */
function inFormat2(): string {
  const ring = JSON.parse(FIRST) as Ring;
  const mac = /^mac +(\S+)$/m.exec(example('key-ring.md', 'mac          '))![1];
  return JSON.stringify({ ...ring, format: 'lockfast-keyring/2', departure: null, keys: ring.keys.map((key) => ({ ...key, ...LATER })), mac });
}

const ROOT_KEY = example('key-ring.md', 'lockfast-root-1.AAEC');
const FILE = example('env-file.md', '#lockfast-env/1 environment=production');
const FILE_TEXT = '# mail\nSMTP_PASSWORD="correct horse"\nexport PORT=8000';

for (const [format, ring] of [['1', FIRST], ['2', inFormat2()]] as const) {
  test.skipIf(lacks !== undefined)(`the pages' own example, with its key ring in format ${format}, gives its plaintext to Python`, () => {
    using project = new Project();
    const root = project.write('root.key', ROOT_KEY, 0o400);
    const file = project.write('.env.encrypted', FILE);
    expect(execFileSync(PYTHON, [SECOND, project.write('ring.json', ring), root, file]).toString('utf8')).toBe(FILE_TEXT);
    const relabelled = project.write('other.json', ring.replace(/lockfast-keyring\/./, `lockfast-keyring/${3 - Number(format)}`));
    expect(spawnSync(PYTHON, [SECOND, relabelled, root, file], { encoding: 'utf8' }).stderr).toBe('refused: ring-malformed\n');
  });
}

test('the pages\' own example opens here, too', async () => {
  const around = { environment: { K: ROOT_KEY }, home: '', directory: '/', askPassphrase: () => Promise.reject(new Error('unused')) };
  const ring = await KeyRing.open(FIRST, 'ring', [keySource('env:K', around)]);
  expect(plaintextOf(openEnvFile(Buffer.from(FILE), { ring, tenant: 'acme' }, 'file')).toString('utf8')).toBe(FILE_TEXT);
  const { version } = await KeyRing.open(inFormat2(), 'ring', [keySource('env:K', around)]);
  expect(example('key-ring.md', 'mac          ')).toContain(`digest                    ${version.digest}\n`);
});
