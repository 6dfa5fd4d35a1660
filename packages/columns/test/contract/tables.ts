/** The tables of the contract, as a migration would make them. */
export type DatabaseKind = 'postgres' | 'mariadb' | 'sqlite';

interface Types {
  readonly key: string;
  readonly text: string;
  readonly bytes: string;
  /** Of the column that held JSON before it was encrypted. */
  readonly json: string;
}

const TYPES: { readonly [Kind in DatabaseKind]: Types } = {
  postgres: { key: 'text', text: 'text', bytes: 'bytea', json: 'jsonb' },
  // A key of MariaDB has a length.
  mariadb: { key: 'varchar(64)', text: 'longtext', bytes: 'longblob', json: 'longtext' },
  sqlite: { key: 'text', text: 'text', bytes: 'blob', json: 'text' },
};

export const TABLES: { readonly [Kind in DatabaseKind]: string } = { postgres: tables(TYPES.postgres), mariadb: tables(TYPES.mariadb), sqlite: tables(TYPES.sqlite) };

function tables({ key, text, bytes, json }: Types): string {
  return `
  CREATE TABLE organizations (
    id ${key} PRIMARY KEY,
    name ${text} NOT NULL,
    signing_key ${text}
  );
  CREATE TABLE connections (
    id integer PRIMARY KEY,
    org_id ${key} NOT NULL,
    label ${text},
    bot_token ${text},
    certificate ${bytes},
    settings ${json},
    recovery_code ${text},
    FOREIGN KEY (org_id) REFERENCES organizations (id) ON UPDATE CASCADE
  );`;
}
