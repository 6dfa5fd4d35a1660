/** Where a database is, by reference: a password never stands in the configuration. */
import { resolve } from 'node:path';

import type { ColumnDatabase } from '@lockfast/columns/jobs';
import { LockfastError } from '@lockfast/core/errors';
import { readSecretFile, type Surroundings } from '@lockfast/keys';

/** With a socket's directory for a host, `postgres:///app?host=/run/postgresql`, libpq leaves the host out. */
const KINDS: readonly (readonly [ColumnDatabase['kind'], RegExp])[] = [
  ['postgres', /^postgres(?:ql)?:\/\/./],
  ['mysql', /^(?:mysql|mariadb):\/\/./],
  ['sqlite', /^sqlite:./],
];

/** Parameters of a URL that carry a secret: libpq has them. */
const SECRET_PARAMETERS = ['password', 'sslpassword'];

export interface DatabasePlace {
  readonly kind: ColumnDatabase['kind'];
  /** Of a server its URL; of SQLite the file, absolute. */
  readonly url: string;
}

/**
 * What `[databases.NAME]` says.
 *
 * @param written env:NAME, file:PATH, or the URL: of PostgreSQL, of MySQL or MariaDB, or sqlite:PATH
 * @throws LockfastError `config-invalid` for what is none of these, or one with a password in the configuration; `source-unavailable` for a file that can't be read, or that others may read
 */
export function databaseUrl(name: string, written: string, around: Surroundings): DatabasePlace {
  const [, scheme, rest] = /^(env|file):(.*)$/s.exec(written) ?? [];
  if (scheme === undefined) {
    const url = URL.parse(written);
    if (url !== null && (url.password !== '' || SECRET_PARAMETERS.some((parameter) => url.searchParams.has(parameter)))) {
      throw new LockfastError('config-invalid', `databases.${name}.url has a password in it`, 'put the URL in a variable or in a file that only its owner may read, and write url = "env:NAME" or "file:PATH"');
    }
  }
  const url = scheme === undefined ? written : scheme === 'env' ? ofVariable(name, rest!, around) : readSecretFile(rest!, `the URL of the database ${name}`, around).toString('utf8').trim();
  const kind = KINDS.find(([, form]) => form.test(url))?.[0];
  if (kind === undefined) {
    throw new LockfastError(
      'config-invalid',
      `${scheme === undefined ? `databases.${name}.url` : rest} is not the URL of a database that is known here`,
      'write it as postgres://USER@HOST/DATABASE, mysql://USER@HOST/DATABASE, mariadb://USER@HOST/DATABASE or sqlite:PATH',
    );
  }
  return { kind, url: kind === 'sqlite' ? resolve(around.directory, url.slice('sqlite:'.length)) : url };
}

function ofVariable(name: string, variable: string, { environment }: Surroundings): string {
  const url = Object.hasOwn(environment, variable) ? environment[variable]?.trim() : undefined;
  if (url === undefined || url === '') {
    throw new LockfastError('config-invalid', `${variable}, which has the URL of the database ${name}, is not set in the environment`, `set it; where an env file has it: lockfast run -- lockfast column status`);
  }
  return url;
}
