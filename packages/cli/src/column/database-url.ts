/** Where a database is, by reference: a password never stands in the configuration. */
import { LockfastError } from '@lockfast/core/errors';
import { expandPath, readSecretFile, type Surroundings } from '@lockfast/keys';

/** Parameters of a libpq URL that carry a secret. */
const SECRET_PARAMETERS = ['password', 'sslpassword'];

/**
 * The URL of `[databases.NAME]`.
 *
 * @param written env:NAME, file:PATH, or the URL
 * @returns of a file the absolute path: `sqlite:/srv/app/app.db`
 * @throws LockfastError `config-invalid` for what is no URL of a database that jobs know, or one with a password in the configuration; `source-unavailable` for a file that can't be read, or that others may read
 */
export function databaseUrl(name: string, written: string, around: Surroundings): string {
  const [, scheme, rest] = /^(env|file):(.*)$/s.exec(written) ?? [];
  if (scheme === undefined) {
    const url = URL.parse(written);
    if (url !== null && (url.password !== '' || SECRET_PARAMETERS.some((parameter) => url.searchParams.has(parameter)))) {
      throw new LockfastError('config-invalid', `databases.${name}.url has a password in it`, 'put the URL in a variable or in a file that only its owner may read, and write url = "env:NAME" or "file:PATH"');
    }
  }
  const url = scheme === undefined ? written : scheme === 'env' ? ofVariable(name, rest!, around) : readSecretFile(rest!, `the URL of the database ${name}`, around).toString('utf8').trim();
  if (/^sqlite:(?!\/\/)./s.test(url)) return `sqlite:${expandPath(url.slice('sqlite:'.length), around)}`;
  // With a socket's directory for a host, `postgres:///app?host=/run/postgresql`, libpq leaves the host out.
  if (!/^postgres(?:ql)?:\/\/./.test(url)) {
    throw new LockfastError('config-invalid', `${scheme === undefined ? `databases.${name}.url` : rest} is not the URL of a database of PostgreSQL or SQLite`, 'write it as postgres://USER@HOST/DATABASE, or sqlite:PATH');
  }
  return url;
}

function ofVariable(name: string, variable: string, { environment }: Surroundings): string {
  const url = Object.hasOwn(environment, variable) ? environment[variable]?.trim() : undefined;
  if (url === undefined || url === '') {
    throw new LockfastError('config-invalid', `${variable}, which has the URL of the database ${name}, is not set in the environment`, `set it; where an env file has it: lockfast run -- lockfast column status`);
  }
  return url;
}
