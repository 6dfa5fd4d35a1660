/** The tables of the contract as an application with Sequelize declares them. */
import { encryptedType } from '@lockfast/columns/sequelize';
import { DataTypes, type Model, type ModelStatic, type Sequelize } from 'sequelize';

import type { ContractColumns } from '../contract/harness.ts';
import type { DatabaseKind } from '../contract/tables.ts';

type AnyModel = ModelStatic<Model<Record<string, unknown>, Record<string, unknown>>>;

export interface Models {
  readonly organizations: AnyModel;
  readonly connections: AnyModel;
}

const TYPES = {
  postgres: { text: 'TEXT', bytes: 'BYTEA', json: 'JSONB' },
  mariadb: { text: 'LONGTEXT', bytes: 'LONGBLOB', json: 'LONGTEXT' },
} as const;

export function contractModels(sequelize: Sequelize, { signingKey, botToken, certificate, settings, recoveryCode }: ContractColumns, kind: Exclude<DatabaseKind, 'sqlite'>): Models {
  const { text, bytes, json } = TYPES[kind];
  const organizations: AnyModel = sequelize.define(
    'Organization',
    {
      id: { type: DataTypes.STRING(64), primaryKey: true },
      name: { type: DataTypes.TEXT, allowNull: false },
      signingKey: { type: encryptedType(signingKey, text), field: 'signing_key' },
    },
    { tableName: 'organizations', timestamps: false },
  );
  const connections: AnyModel = sequelize.define(
    'Connection',
    {
      id: { type: DataTypes.INTEGER, primaryKey: true },
      orgId: { type: DataTypes.STRING(64), field: 'org_id', allowNull: false },
      label: { type: DataTypes.TEXT },
      botToken: { type: encryptedType(botToken, text), field: 'bot_token' },
      certificate: { type: encryptedType(certificate, bytes) },
      settings: { type: encryptedType(settings, json) },
      recoveryCode: { type: encryptedType(recoveryCode, text), field: 'recovery_code' },
    },
    { tableName: 'connections', timestamps: false },
  );
  organizations.hasMany(connections, { as: 'connections', foreignKey: 'orgId' });
  connections.belongsTo(organizations, { as: 'organization', foreignKey: 'orgId' });
  return { organizations, connections };
}
