/** The specification pages are enough to read our files: a program that was written from them does. */
import { execFileSync, spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

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
