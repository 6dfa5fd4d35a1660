/** Where a PostgreSQL server is and how it is spoken to, from a URL as libpq writes them. */
import { accessSync, constants } from 'node:fs';

import type { ClientConfig } from 'pg';

import { LockfastError } from '@lockfast/core/errors';
import { shownPath } from '@lockfast/core/files';

const CONNECT_MS = 10_000;
/** Idle for so long, a connection is probed: a server that vanished is noticed, however long a question takes. */
const PROBE_MS = 10_000;

const DIALECT = 'write it as postgres://USER@HOST/DATABASE, or postgres:///DATABASE?host=/DIRECTORY for a socket';

const TLS_MODES: ReadonlySet<string> = new Set(['disable', 'allow', 'prefer', 'require', 'verify-ca', 'verify-full']);

const CERTIFICATE_PARTS = ['sslrootcert', 'sslcert', 'sslkey'];

export interface ServerAccess {
  /** The URL without password and parameters, for messages. */
  readonly place: string;
  readonly config: ClientConfig;
  /** For a server that has no TLS, where the URL only prefers it. */
  readonly withoutTls: ClientConfig | undefined;
}

/** @throws LockfastError `config-invalid`, without a cause: Node's error for a bad URL quotes it, with the password */
export function serverAccess(url: string): ServerAccess {
  // A user without a host, as sockets want it, is no URL to Node.
  const parsed = URL.parse(url) ?? URL.parse(url.replace('@/', '@socket/'));
  if (parsed === null || !/^postgres(?:ql)?:$/.test(parsed.protocol)) {
    throw new LockfastError('config-invalid', 'the URL of the database is not one of PostgreSQL', DIALECT);
  }
  const mode = parsed.searchParams.get('sslmode');
  if (mode !== null && !TLS_MODES.has(mode)) {
    throw new LockfastError('config-invalid', 'the URL of the database has an sslmode that PostgreSQL does not know', `use one of ${[...TLS_MODES].join(', ')}`);
  }
  if (mode === 'verify-ca' && !parsed.searchParams.has('sslrootcert')) {
    throw new LockfastError('config-invalid', 'the URL of the database says sslmode=verify-ca without sslrootcert', 'add sslrootcert=FILE, or use sslmode=verify-full');
  }
  for (const part of CERTIFICATE_PARTS) refuseUnreadable(parsed.searchParams.get(part));
  const prefers = mode === 'prefer' || mode === 'allow';
  return {
    place: shown(parsed, url),
    config: config(mode === null ? url : withParameters(url, { sslmode: prefers ? 'prefer' : mode, uselibpqcompat: 'true' })),
    withoutTls: prefers ? config(withParameters(url, { sslmode: 'disable' })) : undefined,
  };
}

/** `pg` reads them as a connection is made, and its error would look like a lost one. */
function refuseUnreadable(file: string | null): void {
  if (file === null) return;
  try {
    accessSync(file, constants.R_OK);
  } catch (error) {
    throw new LockfastError('config-invalid', `the URL of the database names ${shownPath(file)}, which can not be read`, 'check the path and its permissions', error);
  }
}

function config(connectionString: string): ClientConfig {
  return { connectionString, application_name: 'lockfast', connectionTimeoutMillis: CONNECT_MS, keepAlive: true, keepAliveInitialDelayMillis: PROBE_MS };
}

/** By the text: what parses and prints URLs would change passwords that are not escaped. `uselibpqcompat`: `sslmode` as libpq means it. */
function withParameters(url: string, parameters: Readonly<Record<string, string>>): string {
  const [base = '', query = ''] = url.split(/\?(.*)/s);
  const others = query.split('&').filter((pair) => pair !== '' && !Object.hasOwn(parameters, pair.split('=', 1)[0]!));
  return `${base}?${[...others, ...Object.entries(parameters).map(([name, value]) => `${name}=${value}`)].join('&')}`;
}

function shown(parsed: URL, url: string): string {
  const named = URL.canParse(url) ? parsed.host : '';
  const host = parsed.searchParams.get('host') ?? named;
  const user = parsed.searchParams.get('user') ?? parsed.username;
  return `postgres://${user === '' ? '' : `${user}@`}${host}${parsed.pathname}`;
}
