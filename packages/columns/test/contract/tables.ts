/** The tables of the contract, as a migration would make them. */
export const TABLES = `
  CREATE TABLE organizations (
    id text PRIMARY KEY,
    name text NOT NULL,
    signing_key text
  );
  CREATE TABLE connections (
    id integer PRIMARY KEY,
    org_id text NOT NULL REFERENCES organizations (id) ON UPDATE CASCADE,
    label text,
    bot_token text,
    certificate bytea,
    settings jsonb,
    recovery_code text
  );`;
