/** The table that a declaration names, and whether a job can work on it. */
import { LockfastError } from '@lockfast/core/errors';

import type { Ask } from './connection.ts';
import { identifier } from './sql-text.ts';

const REFUSED_KINDS: ReadonlyMap<string, string> = new Map([
  ['view', 'a view'],
  ['virtual', 'a virtual table'],
  ['shadow', 'a part of a virtual table'],
]);

const PART = /^\s*(?:"((?:[^"]|"")+)"|([A-Za-z_\u0080-\uffff][A-Za-z0-9_$\u0080-\uffff]*))\s*(\.|$)/;

export interface FoundTable {
  /** As the database spells it. */
  readonly name: string;
  /** As statements name it. */
  readonly sql: string;
  readonly withoutRowid: boolean;
  /** A STRICT table. */
  readonly strict: boolean;
}

/** @param written as SQL spells it @throws LockfastError `config-invalid` */
export function findTable(ask: Ask, written: string): FoundTable {
  const [name, schema] = nameParts(written).toReversed() as [string, string | undefined];
  if (schema !== undefined && asciiLower(schema) !== 'main') {
    throw new LockfastError('config-invalid', `the table ${written} is in a database that the application attaches`, 'declare that file as a database of its own, and leave the schema out');
  }
  const row = ask.first("SELECT name, type, wr, strict FROM pragma_table_list WHERE schema = 'main' AND lower(name) = lower(?)", name);
  if (row === undefined) throw new LockfastError('config-invalid', `there is no table ${written}`, whereItMayBe(ask));
  const found = String(row[0]);
  const refused = REFUSED_KINDS.get(String(row[1]));
  if (refused !== undefined) throw new LockfastError('config-invalid', `${found} is ${refused}, not a table`, 'name the table that holds the values');
  if (/^sqlite_/i.test(found)) throw new LockfastError('config-invalid', `${found} is a table of SQLite itself`, 'name the table that holds the values');
  return { name: found, sql: `main.${identifier(found)}`, withoutRowid: row[2] === 1n, strict: row[3] === 1n };
}

function nameParts(written: string): readonly string[] {
  const parts: string[] = [];
  for (let rest = written; ; ) {
    const [whole, quoted, plain, dot] = PART.exec(rest) ?? [];
    if (whole === undefined || parts.length === 2) throw new LockfastError('config-invalid', 'the table of a column is not written as SQL spells it', 'write it as TABLE, with double quotes around a name that is no plain word');
    parts.push(quoted?.replaceAll('""', '"') ?? plain!);
    if (dot === '') return parts;
    rest = rest.slice(whole.length);
  }
}

/** As SQLite folds names: of ASCII alone. */
export function asciiLower(name: string): string {
  return name.replaceAll(/[A-Z]/g, (letter) => letter.toLowerCase());
}

function whereItMayBe(ask: Ask): string {
  const names = [...ask("SELECT name FROM pragma_table_list WHERE schema = 'main' AND type = 'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' ORDER BY name LIMIT 6")].map(([name]) => `\`${String(name)}\``);
  return names.length === 0 || names.length === 6 ? 'check its name and the path of the database' : `tables of this database: ${names.join(', ')}`;
}
