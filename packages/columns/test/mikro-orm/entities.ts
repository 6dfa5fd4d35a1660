/** The tables of the contract as an application with MikroORM declares them. */
import type { JsonValue } from '@lockfast/columns';
import { encryptedType } from '@lockfast/columns/mikro-orm';
import { Collection, EntitySchema } from '@mikro-orm/core';

import type { ContractColumns } from '../contract/harness.ts';
import type { DatabaseKind } from '../contract/tables.ts';

export class Organization {
  id!: string;
  name!: string;
  signingKey?: string | null;
  connections = new Collection<Connection>(this);
}

export class Connection {
  id!: number;
  organization!: Organization;
  label?: string | null;
  botToken?: string | null;
  certificate?: Uint8Array | null;
  settings?: JsonValue;
  recoveryCode?: string | null;
}

export function contractEntities(kind: DatabaseKind, { signingKey, botToken, certificate, settings, recoveryCode }: ContractColumns): [EntitySchema<Organization>, EntitySchema<Connection>] {
  const organizations: EntitySchema<Organization> = new EntitySchema({
    class: Organization,
    tableName: 'organizations',
    properties: {
      id: { type: 'string', primary: true },
      name: { type: 'string' },
      signingKey: { type: encryptedType(signingKey), nullable: true },
      connections: { kind: '1:m', entity: () => Connection, mappedBy: 'organization' },
    },
  });
  const connections: EntitySchema<Connection> = new EntitySchema({
    class: Connection,
    tableName: 'connections',
    properties: {
      id: { type: 'number', primary: true, autoincrement: false },
      organization: { kind: 'm:1', entity: () => Organization, fieldName: 'org_id' },
      label: { type: 'string', nullable: true },
      botToken: { type: encryptedType(botToken), nullable: true },
      certificate: { type: encryptedType(certificate), nullable: true },
      settings: { type: encryptedType(settings, kind === 'postgres' ? 'jsonb' : undefined), nullable: true },
      recoveryCode: { type: encryptedType(recoveryCode), nullable: true },
    },
  });
  return [organizations, connections];
}
