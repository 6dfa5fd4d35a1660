/** Columns of a table, as the catalogs describe them. */
import { LockfastError } from '@lockfast/core/errors';

import type { Ask } from './connection.ts';
import { literal } from './sql-text.ts';
import type { FoundTable } from './table-name.ts';

export interface FoundColumn {
  /** With the capitals that it was made with. */
  readonly name: string;
  readonly notNull: boolean;
  readonly generated: boolean;
  /** The time of the last change: the server sets it with every update that does not. */
  readonly onUpdate: boolean;
  /** `varchar`, `longtext`, `int`, without its length. */
  readonly type: string;
  /** Of what has text: its name; undefined for numbers, times and bytes. */
  readonly charset: string | undefined;
  /** Of `char(n)`, `varchar(n)`, `binary(n)`, `varbinary(n)`: characters or bytes; of `text` and `blob`: bytes. */
  readonly size: number | undefined;
  /** MariaDB's JSON is a text that is checked. */
  readonly checkedJson: boolean;
}

/** Types of text and of bytes, without the sets and the JSON that MySQL counts among texts. */
export const TEXTS = /^(?:char|varchar|tinytext|text|mediumtext|longtext)$/;
export const BYTES = /^(?:binary|varbinary|tinyblob|blob|mediumblob|longblob)$/;

/** All of the table's, by their names in lower case: names of columns fold it. */
export type TableColumns = ReadonlyMap<string, FoundColumn>;

export async function readColumns(ask: Ask, { schema, table }: FoundTable, mariadb: boolean): Promise<TableColumns> {
  const of = `table_schema = ${literal(schema)} AND table_name = ${literal(table)}`;
  const { rows } = await ask(
    `SELECT column_name, is_nullable, extra, generation_expression, data_type, character_set_name, character_maximum_length FROM information_schema.columns WHERE ${of} ORDER BY ordinal_position`,
  );
  const checks = mariadb ? (await ask(`SELECT check_clause FROM information_schema.check_constraints WHERE constraint_schema = ${literal(schema)} AND table_name = ${literal(table)}`)).rows : [];
  const clauses = new Set(checks.map(([clause]) => String(clause).toLowerCase()));
  return new Map(
    rows.map((row) => {
      const [name, nullable, extra, generation, type, charset, size] = row.map((field) => field?.toString() ?? null) as [string, string, string, string | null, string, string | null, string | null];
      const found: FoundColumn = {
        name,
        notNull: nullable === 'NO',
        generated: generation !== null && generation !== '',
        onUpdate: /on update/i.test(extra),
        type: type.toLowerCase(),
        charset: charset ?? undefined,
        size: size === null ? undefined : Number(size),
        checkedJson: clauses.has(`json_valid(\`${name.toLowerCase()}\`)`),
      };
      return [name.toLowerCase(), found];
    }),
  );
}

/** @throws LockfastError `config-invalid` */
export function columnNamed(columns: TableColumns, table: FoundTable, name: string): FoundColumn {
  const column = columns.get(name.toLowerCase());
  if (column === undefined) throw new LockfastError('config-invalid', `${table.name} has no column ${name}, or this user may not see it`, 'check its name: a declaration names columns without quotes');
  return column;
}

/** As text, whatever its type. @throws LockfastError `config-invalid` for bytes, which are no text */
export function refuseBytes({ name, type }: FoundColumn, table: FoundTable, part: string): void {
  if (!/^(?:binary|varbinary|\w*blob|bit|geometry|point|linestring|polygon|multi\w+)$/.test(type)) return;
  throw new LockfastError('config-invalid', `the ${part} ${name} of ${table.name} is of type ${type}, which is not text`, `declare a column that shows it as text, which may be a generated one: BIN_TO_UUID(${name}), HEX(${name})`);
}
