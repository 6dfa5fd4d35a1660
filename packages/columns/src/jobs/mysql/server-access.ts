/** Where a MySQL or MariaDB server is and how it is spoken to, from a URL. */
import { readFileSync } from 'node:fs';
import { isIP } from 'node:net';

import type { ConnectionOptions } from 'mysql2';

import { LockfastError } from '@lockfast/core/errors';
import { shownPath } from '@lockfast/core/files';

const CONNECT_MS = 10_000;
/** Idle for so long, a connection is probed: a server that vanished is noticed, however long a question takes. */
const PROBE_MS = 10_000;

const DIALECT = 'write it as mysql://USER@HOST/DATABASE, or mysql://USER@localhost/DATABASE?socket=/PATH for a socket';

const TLS_MODES = ['DISABLED', 'PREFERRED', 'REQUIRED', 'VERIFY_CA', 'VERIFY_IDENTITY'] as const;
type TlsMode = (typeof TLS_MODES)[number];

const PARAMETERS: ReadonlySet<string> = new Set(['socket', 'ssl-mode', 'ssl-ca', 'ssl-cert', 'ssl-key']);

export interface ServerAccess {
  /** The URL without password and parameters, for messages. */
  readonly place: string;
  readonly config: ConnectionOptions;
  /** For a server that has no TLS, where the URL only prefers it. */
  readonly withoutTls: ConnectionOptions | undefined;
}

/**
 * `ssl-mode` and its files are as MySQL's own programs have them; without it TLS is used where the server has it.
 *
 * @throws LockfastError `config-invalid`, without a cause: Node's error for a bad URL quotes it, with the password
 */
export function serverAccess(url: string): ServerAccess {
  const parsed = URL.parse(url);
  if (parsed === null || !/^(?:mysql|mariadb):$/.test(parsed.protocol) || parsed.hostname === '') {
    throw new LockfastError('config-invalid', 'the URL of the database is not one of MySQL or MariaDB', DIALECT);
  }
  const unknown = [...parsed.searchParams.keys()].find((name) => !PARAMETERS.has(name));
  if (unknown !== undefined) {
    throw new LockfastError('config-invalid', 'the URL of the database has a parameter that is not known here', `use only ${[...PARAMETERS].join(', ')}`);
  }
  const database = decoded(parsed.pathname.slice(1));
  if (database === '' || database.includes('/')) throw new LockfastError('config-invalid', 'the URL of the database names no database', DIALECT);
  const socket = parsed.searchParams.get('socket');
  const mode = (parsed.searchParams.get('ssl-mode') ?? (socket === null ? 'PREFERRED' : 'DISABLED')).toUpperCase();
  if (!isTlsMode(mode)) throw new LockfastError('config-invalid', 'the URL of the database has an ssl-mode that MySQL does not know', `use one of ${TLS_MODES.join(', ')}`);
  if (mode === 'VERIFY_CA' && !parsed.searchParams.has('ssl-ca')) {
    throw new LockfastError('config-invalid', 'the URL of the database says ssl-mode=VERIFY_CA without ssl-ca', 'add ssl-ca=FILE, or use ssl-mode=VERIFY_IDENTITY');
  }
  const host = parsed.hostname.replace(/^\[(.*)\]$/, '$1');
  if (mode === 'VERIFY_IDENTITY' && (socket !== null || isIP(host) !== 0)) {
    // The driver would take any certificate for `localhost`.
    throw new LockfastError('config-invalid', 'the URL of the database says ssl-mode=VERIFY_IDENTITY, and names no host whose name a certificate could prove', 'name the server by its host name, or use ssl-mode=VERIFY_CA with ssl-ca=FILE');
  }
  const plain: ConnectionOptions = {
    ...(socket === null ? { host, port: parsed.port === '' ? 3306 : Number(parsed.port) } : { socketPath: socket }),
    user: decoded(parsed.username),
    password: decoded(parsed.password),
    database,
    charset: 'utf8mb4',
    connectTimeout: CONNECT_MS,
    enableKeepAlive: true,
    keepAliveInitialDelay: PROBE_MS,
    // What is read is read as it was sent: the driver converts nothing.
    rowsAsArray: true,
    typeCast: false,
    multipleStatements: false,
    // A server may not ask for files of this machine; of an update, matched rows are counted.
    flags: ['-LOCAL_FILES', '-MULTI_STATEMENTS', 'FOUND_ROWS'],
    connectAttributes: { program_name: 'lockfast' },
  };
  return {
    place: `${parsed.protocol}//${parsed.username === '' ? '' : `${parsed.username}@`}${socket ?? parsed.host}/${parsed.pathname.slice(1)}`,
    config: mode === 'DISABLED' ? plain : { ...plain, ssl: tls(mode, parsed.searchParams) },
    withoutTls: mode === 'PREFERRED' ? plain : undefined,
  };
}

function tls(mode: Exclude<TlsMode, 'DISABLED'>, parameters: URLSearchParams): NonNullable<Exclude<ConnectionOptions['ssl'], string>> {
  const verified = mode === 'VERIFY_CA' || mode === 'VERIFY_IDENTITY';
  const files = { ca: parameters.get('ssl-ca'), cert: parameters.get('ssl-cert'), key: parameters.get('ssl-key') };
  const read = Object.entries(files).flatMap(([part, file]) => (file === null ? [] : [[part, contents(file)] as const]));
  return { ...Object.fromEntries(read), rejectUnauthorized: verified, verifyIdentity: mode === 'VERIFY_IDENTITY', minVersion: 'TLSv1.2' };
}

function contents(file: string): Buffer {
  try {
    return readFileSync(file);
  } catch (error) {
    throw new LockfastError('config-invalid', `the URL of the database names ${shownPath(file)}, which can not be read`, 'check the path and its permissions', error);
  }
}

function isTlsMode(mode: string): mode is TlsMode {
  return (TLS_MODES as readonly string[]).includes(mode);
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    throw new LockfastError('config-invalid', 'the URL of the database has a % that begins no escape', 'write a % in it as %25');
  }
}
