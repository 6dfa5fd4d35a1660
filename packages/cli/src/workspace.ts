/** The configuration of this directory, and what follows from it: the key ring, the state directory, whose file a file is. */
import { basename, dirname, join, resolve } from 'node:path';

import type { WriteScope } from '@lockfast/core/env';
import type { Dialect } from '@lockfast/core/env/dialects';
import { LockfastError } from '@lockfast/core/errors';
import type { KeyRing, RingVersion, Secret } from '@lockfast/core/keyring';
import { openKeyRing, type RingLocation, type Surroundings } from '@lockfast/keys';

import type { Arguments } from './arguments.ts';
import { type Configuration, DIALECT_NAMES, loadConfiguration } from './configuration.ts';
import { raiseFloor, readFloor } from './ring-floors.ts';
import type { Session } from './session.ts';

export const ENCRYPTED_SUFFIX = '.encrypted';
export const USUAL_FILE = '.env';

export class Workspace {
  readonly configuration: Configuration;
  readonly stateDirectory: string;
  readonly surroundings: Surroundings;
  readonly #session: Session;
  #ring: Promise<KeyRing> | undefined;

  constructor(args: Arguments, session: Session) {
    this.#session = session;
    this.configuration = loadConfiguration(args.text('config'), session);
    this.stateDirectory = stateDirectory(session);
    this.surroundings = surroundings(session, dirname(this.configuration.file));
  }

  /** The key ring of this configuration, opened once. */
  ring(): Promise<KeyRing> {
    this.#ring ??= this.#open();
    return this.#ring;
  }

  /** @param tenant what `--tenant` said; it must agree with where the file lies */
  async scope(file: string, tenant: string | undefined): Promise<WriteScope> {
    const placed = this.tenantOf(file);
    if (tenant !== undefined && placed !== undefined && tenant !== placed) {
      throw new LockfastError('wrong-tenant', `${file} lies in the directory of the tenant ${placed}`, `give --tenant ${placed}, or name another file`);
    }
    return { ring: await this.ring(), tenant: tenant ?? placed ?? '', stateDirectory: this.stateDirectory };
  }

  /** The tenant in whose directory `file` lies, by the configured pattern. */
  tenantOf(file: string): string | undefined {
    const { tenantPath } = this.configuration;
    if (tenantPath === undefined) return undefined;
    const [before, after] = tenantPath.split('{tenant}') as [string, string];
    const directory = dirname(resolve(this.#session.directory, file));
    if (!directory.startsWith(before)) return undefined;
    const [name] = directory.slice(before.length).split('/');
    return name !== undefined && name !== '' && `${directory}/`.startsWith(`${before}${name}${after}/`) ? name : undefined;
  }

  /** The file that a command means when none is named: `.env` here, or in the tenant's directory. */
  usualFile(tenant: string | undefined): string {
    const { tenantPath } = this.configuration;
    if (tenant === undefined || tenantPath === undefined) return USUAL_FILE;
    if (!/^[A-Za-z0-9][A-Za-z0-9._-]{0,252}$/.test(tenant)) {
      throw new LockfastError('usage', 'the tenant name is not usable as a directory', 'use letters, digits, dots, dashes and underscores');
    }
    return join(tenantPath.replace('{tenant}', tenant), USUAL_FILE);
  }

  usualEncryptedFile(tenant: string | undefined): string {
    return this.usualFile(tenant) + ENCRYPTED_SUFFIX;
  }

  dialect(args: Arguments): Dialect {
    const given = args.text('dialect');
    return given !== undefined && isDialect(given) ? given : this.configuration.dialect;
  }

  /** The variables that may hold a root key of this ring, used now or not: no other program has business with them. */
  async keyVariables(): Promise<string[]> {
    const { keySources, namedSources } = this.configuration;
    const recorded = (await this.ring()).sources.map(({ source }) => source);
    return [...keySources, ...namedSources, ...recorded].filter((uri) => uri.startsWith('env:')).map((uri) => uri.slice('env:'.length));
  }

  /** The key ring as it is, also when a newer one was seen: to go on with it on purpose, or to look at it. */
  async anyRing(): Promise<KeyRing> {
    return this.#read(undefined);
  }

  async #open(): Promise<KeyRing> {
    let seen: RingVersion | undefined;
    const ring = await this.#read((id) => (seen = readFloor(this.stateDirectory, id)));
    // Usually nothing is new; and `run` has no time for a lock.
    if (seen === undefined || seen.generation < ring.version.generation) await raiseFloor(this.stateDirectory, ring.version);
    return ring;
  }

  async #read(floor: RingLocation['floor']): Promise<KeyRing> {
    const { keyring, keySources, environment } = this.configuration;
    const location = { path: keyring, sources: keySources, ...(floor === undefined ? {} : { floor }) };
    const ring = await openKeyRing(location, this.surroundings).catch((error: unknown) => {
      throw missingRing(error, keyring);
    });
    if (ring.environment !== environment) {
      throw new LockfastError(
        'wrong-environment',
        `the key ring is of the environment ${ring.environment}, ${basename(this.configuration.file)} says ${environment}`,
        'use the key ring of this environment; each one has its own keys',
      );
    }
    return ring;
  }
}

export function stateDirectory({ environment, home }: Session): string {
  const state = environment['XDG_STATE_HOME'];
  return join(state !== undefined && state.startsWith('/') ? state : join(home, '.local/state'), 'lockfast');
}

export function surroundings({ environment, home }: Session, directory: string): Surroundings {
  return {
    environment,
    home,
    directory,
    askPassphrase: async (question: string): Promise<Secret> => {
      const { askSecret } = await import('./prompt.ts');
      return askSecret(question);
    },
  };
}

function isDialect(name: string): name is Dialect {
  return (DIALECT_NAMES as readonly string[]).includes(name);
}

function missingRing(error: unknown, path: string): unknown {
  if (!(error instanceof LockfastError) || error.code !== 'not-found') return error;
  return new LockfastError('ring-missing', `there is no key ring at ${path}`, 'get it from git or a backup; `lockfast init` makes a new one, which opens nothing that exists');
}
