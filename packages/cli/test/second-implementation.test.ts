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

/** And in format 3, with a tenant's secret. */
function inFormat3(): string {
  const tenants = JSON.parse(`{${example('key-ring.md', '"tenants": [')}}`) as object;
  const mac = /^mac +(\S+)$/m.exec(example('key-ring.md', 'wrapping key of it, K'))![1];
  return JSON.stringify({ ...(JSON.parse(inFormat2()) as object), format: 'lockfast-keyring/3', generation: 2, ...tenants, mac });
}

const ROOT_KEY = example('key-ring.md', 'lockfast-root-1.AAEC');
const FILE = example('env-file.md', '#lockfast-env/1 environment=production');
const FILE_3 = example('env-file.md', '#lockfast-env/3 environment=production');
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

test.skipIf(lacks !== undefined)('[W10] the example with a tenant\'s secret gives its plaintext to Python, and not without the secret', () => {
  using project = new Project();
  const root = project.write('root.key', ROOT_KEY, 0o400);
  const file = project.write('.env.encrypted', FILE_3);
  expect(execFileSync(PYTHON, [SECOND, project.write('ring.json', inFormat3()), root, file]).toString('utf8')).toBe(FILE_TEXT);
  expect(spawnSync(PYTHON, [SECOND, project.write('other.json', inFormat2()), root, file], { encoding: 'utf8' }).stderr).toBe('refused: missing-key\n');
});

test.skipIf(lacks !== undefined)('[W10] [E3] what the command derives with a tenant\'s secret, Python reads; after shredding it does not', async () => {
  using project = new Project();
  expect((await project.run(['init'])).status).toBe(0);
  project.write('lockfast.toml', `${project.text('lockfast.toml')}\n[tenants]\npath = "${project.path('tenants/{tenant}')}"\n`, 0o644);
  for (const [name, derivation] of [['.env', 'hkdf'], ['.env.web', 'pbkdf2-sha256:100000']] as const) {
    const plaintext = project.write(`tenants/acme/${name}`, PLAINTEXT);
    expect((await project.run(['env', 'encrypt', plaintext, '--derivation', derivation])).status).toBe(0);
  }
  expect((await project.run(['tenant', 'own-key', 'acme'])).status).toBe(0);
  const read = (name: string): ReturnType<typeof spawnSync> => spawnSync(PYTHON, [SECOND, project.path('.lockfast/keyring.json'), project.rootKey, name], { encoding: 'utf8' });
  const copies = ['.env', '.env.web'].map((name) => project.write(`copy${name}`, project.read(`tenants/acme/${name}.encrypted`)));
  for (const copy of copies) expect(read(copy)).toMatchObject({ status: 0, stdout: PLAINTEXT });
  expect((await project.run(['tenant', 'shred', 'acme', '--yes'])).status).toBe(0);
  for (const copy of copies) expect(read(copy)).toMatchObject({ status: 1, stderr: 'refused: missing-key\n' });
});

test('the pages\' own example opens here, too', async () => {
  const around = { environment: { K: ROOT_KEY }, home: '', directory: '/', askPassphrase: () => Promise.reject(new Error('unused')) };
  const ring = await KeyRing.open(FIRST, 'ring', [keySource('env:K', around)]);
  expect(plaintextOf(openEnvFile(Buffer.from(FILE), { ring, tenant: 'acme' }, 'file')).toString('utf8')).toBe(FILE_TEXT);
  const { version } = await KeyRing.open(inFormat2(), 'ring', [keySource('env:K', around)]);
  const third = await KeyRing.open(inFormat3(), 'ring', [keySource('env:K', around)]);
  expect(example('key-ring.md', 'wrapping key of it, K')).toContain(`digest                    ${third.version.digest}\n`);
  expect(plaintextOf(openEnvFile(Buffer.from(FILE_3), { ring: third, tenant: 'acme' }, 'file')).toString('utf8')).toBe(FILE_TEXT);
  expect(example('key-ring.md', 'mac          ')).toContain(`digest                    ${version.digest}\n`);
});
