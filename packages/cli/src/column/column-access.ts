/** Databases, key ring and Fernet keys, each opened when it is first needed, and closed together. */
import { type ColumnDatabase, type ReadableColumn, StoredValues } from '@lockfast/columns/jobs';
import type { FernetKey, KeyRing } from '@lockfast/core/keyring';
import { readFernetKeys } from '@lockfast/keys';

import type { Session } from '../session.ts';
import type { Workspace } from '../workspace.ts';
import { type DatabasePlace, databaseUrl } from './database-url.ts';
import type { ConfiguredColumn } from './declared.ts';
import type { ForeignOf } from './foreign-option.ts';

export class ColumnAccess implements AsyncDisposable {
  readonly #workspace: Workspace;
  readonly #ring: KeyRing;
  readonly #databases = new Map<string, Promise<ColumnDatabase>>();
  readonly #values = new Map<string, Promise<StoredValues>>();
  readonly #terminal: Session['terminal'];
  readonly #unset = new Set<string>();

  readonly #foreignOf: ForeignOf | undefined;

  /** @param foreignOf another library's format, which the values are read in as well */
  constructor(workspace: Workspace, ring: KeyRing, { terminal }: Session, foreignOf?: ForeignOf) {
    this.#foreignOf = foreignOf;
    this.#terminal = terminal;
    this.#workspace = workspace;
    this.#ring = ring;
  }

  /** The database that a column is in. @throws LockfastError `database-unavailable`, `database-refused`, and as `databaseUrl` */
  database({ database }: ConfiguredColumn): Promise<ColumnDatabase> {
    return this.databaseNamed(database);
  }

  /** That of `[databases.NAME]`. @throws LockfastError as {@link database} */
  databaseNamed(name: string): Promise<ColumnDatabase> {
    const open = this.#databases.get(name) ?? this.#open(name);
    this.#databases.set(name, open);
    return open;
  }

  /** What reads and writes the values of a column. @throws LockfastError as `readFernetKeys` */
  values(column: ConfiguredColumn): Promise<StoredValues> {
    const made = this.#values.get(column.id) ?? this.fernetKeys(column).then((keys) => new StoredValues(this.#ring, column, keys, this.#foreignOf?.(column)));
    this.#values.set(column.id, made);
    return made;
  }

  /** Each with what reads it. */
  async readable(columns: readonly ConfiguredColumn[]): Promise<ReadableColumn[]> {
    return Promise.all(columns.map(async (declared) => ({ declared, values: await this.values(declared) })));
  }

  fernetKeys({ fernetKeys }: ConfiguredColumn): Promise<readonly FernetKey[]> {
    return readFernetKeys(fernetKeys, this.#ring, this.#workspace.surroundings, (uri) => this.#sayUnset(uri));
  }

  /** Once for each key, however many columns name it. */
  #sayUnset(uri: string): void {
    if (this.#unset.has(uri)) return;
    this.#unset.add(uri);
    this.#terminal.note(`${uri} is not set: a value that is under that Fernet key does not open`);
  }

  async #open(name: string): Promise<ColumnDatabase> {
    return await opened(databaseUrl(name, this.#workspace.configuration.databases[name]!.url, this.#workspace.surroundings));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const open of this.#databases.values()) {
      const database = await open.catch(() => undefined);
      await database?.close();
    }
  }
}

/** A kind's client is loaded where a column of that kind is looked at. */
async function opened({ kind, url }: DatabasePlace): Promise<ColumnDatabase> {
  if (kind === 'postgres') return await (await import('@lockfast/columns/jobs/postgres')).openPostgresColumns(url);
  if (kind === 'mysql') return await (await import('@lockfast/columns/jobs/mysql')).openMysqlColumns(url);
  return await (await import('@lockfast/columns/jobs/sqlite')).openSqliteColumns(url);
}
