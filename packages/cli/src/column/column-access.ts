/** Databases, key ring and Fernet keys, each opened when it is first needed, and closed together. */
import { type ColumnDatabase, type ReadableColumn, StoredValues } from '@lockfast/columns/jobs';
import type { KeyRing } from '@lockfast/core/keyring';
import { type FernetKey, readFernetKeys } from '@lockfast/keys';

import type { Terminal } from '../terminal.ts';
import type { Workspace } from '../workspace.ts';
import { databaseUrl } from './database-url.ts';
import type { ConfiguredColumn } from './declared.ts';

export class ColumnAccess implements AsyncDisposable {
  readonly #workspace: Workspace;
  readonly #ring: KeyRing;
  readonly #terminal: Terminal;
  readonly #unset = new Set<string>();
  readonly #databases = new Map<string, Promise<ColumnDatabase>>();
  readonly #values = new Map<string, Promise<StoredValues>>();

  constructor(workspace: Workspace, ring: KeyRing, { terminal }: { readonly terminal: Terminal }) {
    this.#workspace = workspace;
    this.#ring = ring;
    this.#terminal = terminal;
  }

  /** The database that a column is in. @throws LockfastError `database-unavailable`, `database-refused`, and as `databaseUrl` */
  database({ database }: ConfiguredColumn): Promise<ColumnDatabase> {
    const open = this.#databases.get(database) ?? this.#open(database);
    this.#databases.set(database, open);
    return open;
  }

  /** What reads and writes the values of a column. @throws LockfastError as `readFernetKeys` */
  values(column: ConfiguredColumn): Promise<StoredValues> {
    const made = this.#values.get(column.id) ?? this.fernetKeys(column).then((keys) => new StoredValues(this.#ring, column, keys));
    this.#values.set(column.id, made);
    return made;
  }

  /** Each with what reads it. */
  async readable(columns: readonly ConfiguredColumn[]): Promise<ReadableColumn[]> {
    return Promise.all(columns.map(async (declared) => ({ declared, values: await this.values(declared) })));
  }

  /**
   * The first one encrypts, so it must be there. A variable with a further one may not be set: OLD_ENCRYPTION_KEY is there
   * while a key is changed, and what is under it does not open at other times, which is said.
   */
  fernetKeys({ fernetKeys }: ConfiguredColumn): Promise<readonly FernetKey[]> {
    const { environment } = this.#workspace.surroundings;
    const isSet = (uri: string): boolean => !uri.startsWith('env:') || (environment[uri.slice('env:'.length)] ?? '') !== '';
    const there = fernetKeys.filter((uri, i) => i === 0 || isSet(uri));
    for (const uri of fernetKeys) if (!there.includes(uri)) this.#noteUnset(uri.slice('env:'.length));
    return readFernetKeys(there, this.#ring, this.#workspace.surroundings);
  }

  #noteUnset(variable: string): void {
    if (!this.#unset.has(variable)) this.#terminal.note(`${variable} is not set: goes on without that Fernet key`);
    this.#unset.add(variable);
  }

  async #open(name: string): Promise<ColumnDatabase> {
    const url = databaseUrl(name, this.#workspace.configuration.databases[name]!.url, this.#workspace.surroundings);
    // Its client is loaded where a column is looked at.
    const { openPostgresColumns } = await import('@lockfast/columns/jobs/postgres');
    return openPostgresColumns(url);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const open of this.#databases.values()) {
      const database = await open.catch(() => undefined);
      await database?.close();
    }
  }
}
