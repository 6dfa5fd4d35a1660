/**
 * Every transcript, played against the built command. `npx vitest run packages/cli/test/transcripts.test.ts -u` writes them
 * anew: read the difference.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

import { describe, expect, onTestFinished, test } from 'vitest';

import { missingForPostgres, type Naming, playTranscript, startPostgres } from '@lockfast/testkit';
import { Project } from './support/project.ts';

const DIRECTORY = fileURLToPath(new URL('transcripts/', import.meta.url));

/** What is random or of today. A date is named last: it is a part of a time. */
const NAMES: readonly Naming[] = [
  { label: 'root key', pattern: /(lockfast-root-1\.[A-Za-z0-9_-]{48})/ },
  { label: 'encrypted', pattern: /lfv1\.[a-z2-7]{6}\.([A-Za-z0-9_-]{90,})/ },
  { label: 'fingerprint', pattern: /sha256:([0-9a-f]{64})/ },
  { label: 'fingerprint', pattern: /sha256:([0-9a-f]{16})\.\.\./ },
  { label: 'fingerprint', pattern: /sha256:([A-Za-z0-9_-]{43})\b/ },
  { label: 'port', pattern: /@127\.0\.0\.1:(\d+)\// },
  { label: 'key file', pattern: /\/lockfast\/([a-z][a-z2-7]{5})\.key/ },
  { label: 'key', pattern: /(?:lfv1\.|(?:with|under) the key |active key |(?:Old|New) key: |revision \d+, key |"key": "|"id": "|^(?=[a-z2-7]{6} {2})|^(?=[a-z2-7]{6}: created)|encrypted {2}|\bkey=)([a-z][a-z2-7]{5})(?![a-z])/ },
  { label: 'ring', pattern: /ring=([a-z2-7]{16}):/ },
  { label: 'random', pattern: /(?:salt|check|mac|sha256|ring=<ring>:\d+:)=?([A-Za-z0-9_-]{22,43})/ },
  { label: 'time', pattern: /(20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z)/ },
  { label: 'date', pattern: /(20\d\d-\d\d-\d\d)/ },
];

describe('transcripts', () => {
  for (const name of readdirSync(DIRECTORY).filter((file) => file.endsWith('.txt'))) {
    const text = readFileSync(DIRECTORY + name, 'utf8');
    const database = text.includes('psql');
    const missing = database ? missingForPostgres() : undefined;
    test.skipIf(missing !== undefined)(text.slice(0, text.indexOf('\n')) + (missing === undefined ? '' : ` (${missing})`), { timeout: 240_000 }, async () => {
      using project = new Project();
      const { base, directory, env } = project;
      const around = database ? await emptyDatabase(env['PATH']!) : {};
      const played = await playTranscript(text, { cwd: directory, env: { ...env, ...around, XDG_RUNTIME_DIR: undefined }, hidden: [base], names: NAMES });
      await expect(played).toMatchFileSnapshot(DIRECTORY + name);
    });
  }
});

/** A server of its own, where `psql` without arguments finds what DATABASE_URL names. @returns variables */
async function emptyDatabase(path: string): Promise<NodeJS.ProcessEnv> {
  const server = await startPostgres('fast');
  onTestFinished(async () => server.stop());
  server.sql('postgres', 'CREATE DATABASE app');
  return { PATH: `${path}:/usr/lib/postgresql/15/bin`, PGHOST: server.socket, PGPORT: String(server.port), PGUSER: 'postgres', PGDATABASE: 'app', DATABASE_URL: server.url('postgres:swordfish', 'app') };
}

test('every transcript has a title', () => {
  for (const name of readdirSync(DIRECTORY)) expect(readFileSync(DIRECTORY + name, 'utf8'), name).toMatch(/^\[[A-Z]\d+\](?: \[[A-Z]\d+\])* .+\n\n/);
});
