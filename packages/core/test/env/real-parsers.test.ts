/**
 * The readers of the targets against the programs that they stand for, on generated files: a seeded few hundred, ten thousand with
 * LOCKFAST_DEEP=1 (LOCKFAST_SEED=n takes others). docker and kubectl need a process for each file and get fewer. What Debian's
 * python-dotenv reads otherwise than the modelled version is counted by its reasons: there is none but those of docs/guides/env-lint.md.
 */
import { parseEnv } from 'node:util';
import { describe, expect, test } from 'vitest';

import { type Target, readAs } from '@lockfast/core/env/lint';
import { missingForSystemd } from '@lockfast/testkit';

import { DEEP } from '../formats/scale.ts';
import { corpus } from './corpus.ts';
import { olderPythonReasons } from './older-python.ts';
import { bash, docker, hasBash, hasDocker, hasKubectl, kubectl, npmDotenv, type Pairs, pythonDotenv, sorted, systemdLibrary, systemdParser, systemdServices } from './runtimes.ts';

const SEED = Number(process.env['LOCKFAST_SEED'] ?? (DEEP ? Date.now() % 2 ** 31 : 20_261_122));
const FILES = corpus(DEEP ? 10_000 : 400, SEED);
const PATIENT = { timeout: DEEP ? 3_600_000 : 120_000 };

function pairs(text: string, target: Target): Pairs {
  const { variables, refusal } = readAs(Buffer.from(text), target);
  return refusal === undefined ? sorted(variables) : null;
}

/** Names without a value are taken from an environment that had none of them. */
function set(read: Pairs): Pairs {
  return read?.filter(([, value]) => value !== null) ?? null;
}

function compare(target: Target, files: readonly string[], real: readonly Pairs[], seen: (read: Pairs) => Pairs = (read) => read): void {
  expect(real.length).toBeGreaterThanOrEqual(files.length);
  for (const [index, text] of files.entries()) expect(seen(pairs(text, target)), `seed ${SEED}: ${JSON.stringify(text)}`).toEqual(real[index]);
}

describe('[B8] what lint says a program reads is what it reads', () => {
  test('node', () => {
    compare('node', FILES, FILES.map((text) => sorted(Object.entries(parseEnv(text)) as [string, string][])));
  });

  test('dotenv: npm dotenv', () => {
    compare('dotenv', FILES, npmDotenv(FILES));
  });

  const pythons = ['python3', '/usr/bin/python3'].flatMap((interpreter) => pythonDotenv([interpreter]) ?? []);
  const versions = [...new Map(pythons.map((python) => [python.version, python])).values()];
  test.skipIf(versions.length === 0).for(versions.length === 0 ? [undefined] : versions)('python: python-dotenv $version, but for the known differences of its version', PATIENT, (python) => {
    const real = python!.read(FILES);
    const older = !/^1\.2\.(?:[4-9]|\d\d)/.test(python!.version);
    const reasons = new Map<string, number>();
    for (const [index, text] of FILES.entries()) {
      const found = [...readAs(Buffer.from(text), 'python').variables];
      if (JSON.stringify(found) === JSON.stringify(real[index])) continue;
      const why = older ? olderPythonReasons(text) : [];
      expect(why, `seed ${SEED}: ${JSON.stringify(text)}: ${JSON.stringify(found)}, and python-dotenv ${python!.version} ${JSON.stringify(real[index])}`).not.toEqual([]);
      for (const reason of why) reasons.set(reason, (reasons.get(reason) ?? 0) + 1);
    }
    if (DEEP) process.stdout.write(`python-dotenv ${python!.version}: ${JSON.stringify([...reasons])} of ${FILES.length}\n`);
  });

  const library = systemdLibrary();
  test.skipIf(library === undefined)('systemd: the parser of its shared library', PATIENT, async () => {
    const real = await systemdParser(library!, FILES);
    // The manager drops such names behind the parser.
    compare('systemd', FILES, real.map((read) => read?.filter(([name]) => /^[A-Za-z_][A-Za-z0-9_]*$/.test(name)) ?? null));
  });

  const missing = missingForSystemd();
  test.skipIf(missing !== undefined)(`systemd: services of a booted one${missing === undefined ? '' : ` (${missing})`}`, PATIENT, async () => {
    const files = FILES.slice(0, DEEP ? 1_000 : 60);
    compare('systemd', files, await systemdServices(files));
  });

  test.skipIf(!hasBash())('shell: bash', PATIENT, async () => {
    // A backslash as the last byte of a file is literal, but bash drops it behind a quote of several lines: not modelled.
    const files = FILES.slice(0, DEEP ? FILES.length : 250).map((text) => text.replace(/\\$/, '\\\n'));
    const real = await bash(files);
    let followed = 0;
    for (const [index, text] of files.entries()) {
      const { problems, refusal, variables } = readAs(Buffer.from(text), 'shell');
      const mine = refusal === undefined ? sorted(variables) : null;
      const known = !problems.some(({ reason }) => NOT_FOLLOWED.test(reason));
      if (known) followed++;
      const label = `seed ${SEED}: ${JSON.stringify(text)}`;
      if (known || mine === null || real[index] === null) expect(mine, label).toEqual(real[index]);
      else expect(real[index], label).toEqual(expect.arrayContaining([...mine]));
    }
    expect(followed).toBeGreaterThan(files.length / 2);
  });

  test.skipIf(!hasDocker())('docker: the client, and what it asks the daemon for', PATIENT, async () => {
    const files = FILES.slice(0, DEEP ? 1_000 : 40);
    compare('docker', files, await docker(files), set);
  });

  test.skipIf(!hasKubectl())('k8s: the Secret that kubectl makes', PATIENT, async () => {
    const files = [...EDGES, ...FILES.slice(0, DEEP ? 500 : 16)];
    // A name without a value is an empty one then: kubectl's environment has none of them.
    compare('k8s', files, await kubectl(files), (read) => read?.map(([name, value]) => [name, value ?? ''] as const) ?? null);
  });
});

/** Problems after which bash may know more than we do; after any other the two are equal. */
const NOT_FOLLOWED = /running shell|not known|arithmetic|brace expansion|within quotes|compound|array|option of export|no name|sets itself|home directory/;

/** What decides for kubectl, and a generated file seldom has. */
const EDGES = ['A=1\nA=2\n', 'A\nB=1\n', '..a=1\n', '.=1\n', '.a=1\n-b=2\nc.d=3\n', '9A=1\n', '=1\n', `${'N'.repeat(253)}=1\n`, `${'N'.repeat(254)}=1\n`, `A=1\nB=${'x'.repeat(65_533)}\nC=1\n`, `A=1\nB=${'x'.repeat(65_534)}\nC=1\n`, '\ufeffA=1\n', 'A=1\n\ufeffB=2\n', 'A=1\r\nB=\r\r\n', '\u00a0A=1\n', '# c\n \t# c\nA = 1\n', 'A=b=c#d "e" \n'];
