/** The tables of the contract as an application with TypeORM declares them. Decorators take the same options. */
import { encryptedColumn } from '@lockfast/columns/typeorm';
import { EntitySchema } from 'typeorm';

import type { ConnectionRow, ContractColumns, OrganizationRow } from '../contract/harness.ts';
import type { DatabaseKind } from '../contract/tables.ts';

export interface Organization extends OrganizationRow {
  connections?: Connection[];
}

/** JSON within JSON is too deep for the types of TypeORM. */
export type Connection = { -readonly [Name in Exclude<keyof ConnectionRow, 'settings'>]: ConnectionRow[Name] } & { settings: unknown; organization?: Organization };

const TYPES = {
  postgres: { text: 'text', bytes: 'bytea', json: 'jsonb' },
  mariadb: { text: 'longtext', bytes: 'longblob', json: 'longtext' },
  sqlite: { text: 'text', bytes: 'blob', json: 'text' },
} as const;

// eslint-disable-next-line @typescript-eslint/explicit-function-return-type -- named by its members
export function contractEntities({ signingKey, botToken, certificate, settings, recoveryCode }: ContractColumns, kind: DatabaseKind) {
  const { text, bytes, json } = TYPES[kind];
  const organizations = new EntitySchema<Organization>({
    name: 'Organization',
    tableName: 'organizations',
    columns: {
      id: { type: String, primary: true },
      name: { type: text },
      signingKey: { ...encryptedColumn(signingKey, text), name: 'signing_key', nullable: true },
    },
    relations: { connections: { type: 'one-to-many', target: 'Connection', inverseSide: 'organization', cascade: true } },
  });
  const connections = new EntitySchema<Connection>({
    name: 'Connection',
    tableName: 'connections',
    columns: {
      id: { type: Number, primary: true },
      orgId: { type: String, name: 'org_id' },
      label: { type: text, nullable: true },
      botToken: { ...encryptedColumn(botToken, text), name: 'bot_token', nullable: true },
      certificate: { ...encryptedColumn(certificate, bytes), nullable: true },
      settings: { ...encryptedColumn(settings, json), nullable: true },
      recoveryCode: { ...encryptedColumn(recoveryCode, text), name: 'recovery_code', nullable: true },
    },
    relations: { organization: { type: 'many-to-one', target: 'Organization', inverseSide: 'connections', joinColumn: { name: 'org_id' } } },
  });
  return { organizations, connections };
}
