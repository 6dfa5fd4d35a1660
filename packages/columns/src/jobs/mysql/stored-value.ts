/** How a statement reads and replaces the value of one column, by the column's type. `t` is the row. */
import { LockfastError } from '@lockfast/core/errors';

import { type ColumnTable, LEAST_CHARACTERS, START_CHARACTERS } from '../database.ts';
import { jsonMember } from './json-member.ts';
import { bytes, identifier, literal } from './sql-text.ts';
import type { FoundColumn } from './table-columns.ts';
import type { FoundTable } from './table-name.ts';

/** Those that all become UTF-8 and come back as they were. */
const CHARSETS: ReadonlySet<string> = new Set(['utf8mb4', 'utf8mb3', 'utf8', 'latin1', 'ascii', 'ucs2', 'utf16', 'utf16le', 'utf32']);
const SIZED_TEXTS = /^(?:char|varchar|tinytext|text|mediumtext)$/;
const SIZED_BYTES = /^(?:varbinary|tinyblob|blob|mediumblob)$/;

export interface StoredValue {
  readonly storage: ColumnTable['storage'];
  /** How many characters, or bytes, the column holds; undefined: as many as there are. */
  readonly room: number | undefined;
  /** The value as {@link StoredRow.value} has it, as text in UTF-8 or as bytes. */
  readonly read: string;
  /** Its first {@link START_CHARACTERS}, as bytes: so that no collation compares them; NULL for none. */
  readonly start: string;
  /** Whether there is a place for a value: a member of a document may be missing. */
  readonly place: string | undefined;
  /** What the column is set to for this value. */
  readonly replacement: (value: string | Buffer | null) => string;
  /** Whether a written value reads as exactly what was sent: a document is the server's to print. */
  readonly readsAsSent: (value: string | Buffer | null) => boolean;
  /** `char` drops them. */
  readonly dropsSpaces: boolean;
}

/** @throws LockfastError `config-invalid` */
export function storedValue(table: FoundTable, column: FoundColumn, path: readonly string[], least = LEAST_CHARACTERS): StoredValue {
  const shown = `${table.name}.${column.name}`;
  const refuse = (what: string, hint: string): LockfastError => new LockfastError('config-invalid', `${shown} ${what}`, hint);
  if (column.generated) throw refuse('is computed by the database', 'encrypt the columns that it is computed from');
  const json = column.type === 'json' || column.checkedJson;
  if (path.length > 0 && !json) {
    throw refuse(`is of type ${column.type}, which has no path inside`, `leave the path out of its declaration; where it holds JSON, say so: ADD CHECK (JSON_VALID(${column.name}))`);
  }
  const cell = `t.${identifier(column.name)}`;
  if (json) return jsonValue(column, cell, path);
  const text = SIZED_TEXTS.test(column.type) || column.type === 'longtext';
  const binary = SIZED_BYTES.test(column.type) || column.type === 'longblob';
  if (!text && !binary) throw refuse(`is of type ${column.type}, which holds no encrypted values`, 'encrypted values need varchar, text, varbinary, blob or json');
  if (text && !CHARSETS.has(column.charset ?? '')) {
    throw refuse(`is in the character set ${column.charset ?? 'binary'}, of which not every text comes back as it was`, `ALTER TABLE ${table.sql} MODIFY ${identifier(column.name)} ... CHARACTER SET utf8mb4`);
  }
  const room = column.type.startsWith('long') ? undefined : column.size;
  if (room !== undefined && room < least) {
    throw refuse(`holds ${room} characters at most, and ${least === LEAST_CHARACTERS ? 'an encrypted value' : 'a value'} has ${least} at least`, `ALTER TABLE ${table.sql} MODIFY ${identifier(column.name)} ${text ? 'longtext' : 'longblob'}`);
  }
  return text ? textValue(column, cell, room) : binaryValue(cell, room);
}

function textValue({ charset, type }: FoundColumn, cell: string, room: number | undefined): StoredValue {
  const read = charset === 'utf8mb4' ? cell : charset === 'ascii' ? `CONVERT(CONVERT(CAST(${cell} AS BINARY) USING latin1) USING utf8mb4)` : `CONVERT(${cell} USING utf8mb4)`;
  return {
    storage: 'text',
    room,
    read,
    start: `CAST(LEFT(${read}, ${START_CHARACTERS}) AS BINARY)`,
    place: undefined,
    replacement: (value) => (value === null ? 'NULL' : literal(String(value))),
    readsAsSent: () => true,
    dropsSpaces: type === 'char',
  };
}

function binaryValue(cell: string, room: number | undefined): StoredValue {
  return {
    storage: 'binary',
    room,
    read: cell,
    start: `CAST(LEFT(${cell}, ${START_CHARACTERS}) AS BINARY)`,
    place: undefined,
    replacement: (value) => (value === null ? 'NULL' : bytes(value as Buffer)),
    readsAsSent: () => true,
    dropsSpaces: false,
  };
}

/** Of a path, one member alone is compared and replaced: what else changed meanwhile in the document stays. JSON's null is no value. */
function jsonValue(column: FoundColumn, cell: string, path: readonly string[]): StoredValue {
  const member = path.length === 0 ? { read: cell, isThere: undefined, replaced: undefined } : jsonMember(cell, path);
  const { read, isThere } = member;
  const text = column.type === 'json' ? `CAST(${read} AS CHAR)` : read;
  const common = { storage: 'json', room: undefined, readsAsSent: (value: unknown) => typeof value === 'string' && value.startsWith('"'), dropsSpaces: false } as const;
  return {
    ...common,
    read: `CASE JSON_TYPE(${read}) WHEN 'NULL' THEN NULL ELSE CONVERT(${text} USING utf8mb4) END`,
    start: `CAST(LEFT(JSON_UNQUOTE(${read}), ${START_CHARACTERS}) AS BINARY)`,
    // A member that is not there is not made.
    place: isThere,
    replacement: (value) => {
      if (path.length === 0) return value === null ? 'NULL' : literal(String(value));
      return member.replaced!(`JSON_EXTRACT(${literal(String(value ?? 'null'))}, '$')`);
    },
  };
}
