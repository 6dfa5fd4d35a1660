import { Fernet } from '@lockfast/core/formats';
import type { FernetKey } from '@lockfast/core/keyring';

import type { FormatName } from '../stored-format.ts';
import type { ColumnDatabase } from './database.ts';
import { Patience } from './patience.ts';
import type { DatabaseSearch, DeclaredPlace, LeftOut, SearchedColumn, SearchedTable, SearchPage } from './search.ts';
import { type Sighting, sightingsIn } from './sightings.ts';

export interface Discovering {
  /** Where values are known to be. */
  readonly declared: readonly DeclaredPlace[];
  /** They tell whose Fernet tokens are found. */
  readonly fernetKeys: readonly FernetKey[];
  /** About so many rows of each table, spread over it; all of them without it. */
  readonly sample?: number | undefined;
  readonly signal?: AbortSignal | undefined;
  /** @param bytes looked at so far, of about `total` */
  readonly onProgress?: ((bytes: number, total: number, table: string) => void) | undefined;
}

/** A place that holds encrypted values and is not declared. */
export interface Discovered {
  readonly table: string;
  readonly column: string;
  /** Members of JSON; `*` stands for every element of a list. */
  readonly path: readonly string[];
  readonly format: FormatName;
  /** Whether a value is all that is there. Inside of longer text nothing can encrypt it anew. */
  readonly whole: boolean;
  /** Whether a declaration can name the place. */
  readonly declarable: boolean;
  /** Of what others hold: a materialized view, the content of a full-text index. */
  readonly copy: boolean;
  readonly rows: number;
  /** Rows by the key that lfv1 values name, or by the name of the Fernet key that opens them; '' for tokens that none opens. */
  readonly keys: Readonly<Record<string, number>>;
}

export interface Discovery {
  readonly tables: number;
  readonly columns: number;
  readonly leftOut: readonly LeftOut[];
  readonly found: readonly Discovered[];
  readonly sampled: boolean;
}

/** Documents whose members are named by data have as many paths as rows: so many are told apart, the others are one. */
const MOST_PATHS = 50;
const OTHER_PATHS = ['...'];
const LEAST_SIZE = 1 / 4096;

/**
 * Looks through every column of a database that may hold encrypted values, for those in places that nobody declared. It
 * changes nothing, and of what it reads it keeps no value.
 *
 * It is a search, not a proof: what an application rewrites meanwhile may be missed.
 *
 * @throws LockfastError `database-unavailable`, `database-refused`; what the signal was aborted with
 */
export async function discover(database: ColumnDatabase, { declared, fernetKeys, sample, signal, onProgress }: Discovering): Promise<Discovery> {
  const search = database.search();
  const patience = new Patience(database, undefined, false, signal);
  const { tables, leftOut } = await patience.during(() => search.tables(declared));
  const places = new Places(fernetKeys);
  const total = tables.reduce((sum, { bytes }) => sum + bytes, 0);
  let before = 0;
  for (const table of tables) {
    const share = sample === undefined ? 1 : Math.min(1, sample / Math.max(1, await patience.during(() => search.rows(table))));
    for await (const page of pagesOf(search, table, share, patience, signal)) {
      for (const row of page.rows) places.add(table, row);
      onProgress?.(before + page.bytes, Math.max(total, before + page.bytes), table.name);
    }
    before += table.bytes;
  }
  // Parts of one table are one.
  const names = (key: (table: SearchedTable, column: SearchedColumn) => string): number => new Set(tables.flatMap((table) => table.columns.map((column) => key(table, column)))).size;
  return { tables: names(({ name }) => name), columns: names(({ name }, column) => JSON.stringify([name, column.name])), leftOut, found: places.found(), sampled: sample !== undefined };
}

async function* pagesOf(search: DatabaseSearch, table: SearchedTable, share: number, patience: Patience, signal: AbortSignal | undefined): AsyncGenerator<SearchPage> {
  let size = 1;
  for (let after: string | null = null; ; ) {
    signal?.throwIfAborted();
    const from = after;
    const page: SearchPage = await patience.during(
      () => search.look(table, from, size, share),
      () => (size = Math.max(LEAST_SIZE, size / 4)),
    );
    yield page;
    if (page.next === undefined) return;
    after = page.next;
  }
}

type Place = { -readonly [Name in keyof Discovered]: Discovered[Name] } & { readonly counts: Map<string, number> };

/** Gathers what was seen, by place. */
class Places {
  readonly #places = new Map<string, Place>();
  readonly #paths = new Map<string, Set<string>>();
  readonly #fernetKeys: readonly (readonly [name: string, fernet: Fernet])[];

  constructor(fernetKeys: readonly FernetKey[]) {
    this.#fernetKeys = fernetKeys.map(({ name, key }) => [name, new Fernet(key)]);
  }

  add(table: SearchedTable, row: SearchPage['rows'][number]): void {
    const seen = new Map<Place, Set<string>>();
    row.forEach((value, at) => {
      const column = table.columns[at]!;
      if (value === null) return;
      for (const sighting of sightingsIn(value, column.form)) {
        if (isDeclared(column, sighting)) continue;
        const place = this.#placeOf(table, column, sighting);
        const keys = seen.get(place) ?? new Set();
        seen.set(place, keys.add(this.#keyOf(sighting)));
      }
    });
    for (const [place, keys] of seen) {
      place.rows++;
      for (const key of keys) place.counts.set(key, (place.counts.get(key) ?? 0) + 1);
    }
  }

  found(): Discovered[] {
    return [...this.#places.values()].map(({ counts, ...place }) => ({ ...place, keys: Object.fromEntries(counts) }));
  }

  #placeOf(table: SearchedTable, column: SearchedColumn, { format, whole, path }: Sighting): Place {
    const shown = this.#shownPath(JSON.stringify([table.name, column.name]), path.map((step) => (typeof step === 'number' ? '*' : step)));
    const named = path.every((step) => typeof step === 'string') && shown !== OTHER_PATHS;
    const id = JSON.stringify([table.name, column.name, shown, format, whole]);
    const place = this.#places.get(id) ?? {
      table: table.name,
      column: column.name,
      path: shown,
      format,
      whole,
      declarable: whole && named && column.declarable && !table.copy,
      copy: table.copy,
      rows: 0,
      keys: {},
      counts: new Map<string, number>(),
    };
    this.#places.set(id, place);
    return place;
  }

  #shownPath(column: string, path: readonly string[]): readonly string[] {
    const known = this.#paths.get(column) ?? new Set();
    this.#paths.set(column, known);
    const text = JSON.stringify(path);
    if (!known.has(text) && known.size >= MOST_PATHS) return OTHER_PATHS;
    known.add(text);
    return path;
  }

  #keyOf({ keyId, token }: Sighting): string {
    return keyId ?? this.#fernetKeys.find(([, fernet]) => opens(fernet, token!))?.[0] ?? '';
  }
}

function opens(fernet: Fernet, token: string): boolean {
  try {
    fernet.open(token).value.fill(0);
    return true;
  } catch {
    return false;
  }
}

/** What stands at a declared place alone is what the jobs know of. Inside of longer text they know nothing of it. */
function isDeclared({ declared }: SearchedColumn, { whole, path }: Sighting): boolean {
  return whole && declared.some((target) => (target.path ?? []).length === path.length && (target.path ?? []).every((step, at) => step === String(path[at])));
}
