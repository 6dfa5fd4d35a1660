// What the examples have in common: a directory and a PostgreSQL server of their own, commands that are shown and run, and
// a verdict at the end.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { startPostgres } from '@lockfast/testkit';

const programs = fileURLToPath(new URL('../node_modules/.bin', import.meta.url));

/**
 * Runs an example, says whether it worked, and removes everything that it made.
 *
 * @param name of the example and of its database: letters
 * @param lesson what was seen when it worked
 */
export async function example(name, lesson, steps) {
  const base = mkdtempSync(join(tmpdir(), `lockfast-${name}-`));
  const postgres = await startPostgres('fast');
  try {
    postgres.sql('postgres', `CREATE DATABASE ${name}`);
    await steps(new ExampleSession(name, base, postgres));
    process.stdout.write(`\nThe example worked: ${lesson}.\n`);
  } catch (error) {
    process.stdout.write(`\nThe example FAILED: ${error.message}\n`);
    process.exitCode = 1;
  } finally {
    await postgres.stop();
    rmSync(base, { recursive: true, force: true });
  }
}

class ExampleSession {
  constructor(name, base, postgres) {
    this.directory = join(base, name);
    this.postgres = postgres;
    this.environment = {
      PATH: [dirname(process.execPath), programs, process.env.PATH].join(delimiter),
      HOME: base,
      XDG_STATE_HOME: join(base, '.local/state'),
      LANG: 'C.UTF-8',
      PYTHONDONTWRITEBYTECODE: '1',
      DATABASE_URL: `postgres://postgres@localhost/${name}?host=${encodeURIComponent(postgres.socket)}&port=${postgres.port}`,
    };
  }

  heading(text) {
    process.stdout.write(`\n# ${text}\n`);
  }

  /** Shows a command, runs just that in a shell, shows and gives its answer. */
  type(command, expected = 0) {
    process.stdout.write(`\n$ ${command}\n`);
    const { status, stdout } = this.run(command);
    process.stdout.write(stdout);
    if (status !== expected) throw new Error(`\`${command}\` ended with ${status}`);
    return stdout;
  }

  /** The same, not shown: for what a secret comes out of. */
  run(command) {
    const { status, stdout, error } = spawnSync('bash', ['-o', 'pipefail', '-c', `{ ${command}\n} 2>&1`], { cwd: this.directory, env: this.environment, input: '', encoding: 'utf8' });
    if (error !== undefined) throw error;
    return { status, stdout };
  }
}
