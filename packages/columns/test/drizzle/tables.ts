/** The tables of the contract as an application with Drizzle declares them. */
import { boundColumnType, type BoundValuesOf, columnType, type ValuesOf } from '@lockfast/columns/drizzle';
import { relations } from 'drizzle-orm';
import { customType, integer, pgTable, text } from 'drizzle-orm/pg-core';

import type { ContractColumns } from '../contract/harness.ts';

// eslint-disable-next-line @typescript-eslint/explicit-function-return-type -- Drizzle's types are made by inference.
export function contractTables({ signingKey, botToken, certificate, settings, recoveryCode }: ContractColumns) {
  const organizations = pgTable('organizations', {
    id: text('id').primaryKey(),
    name: text('name').notNull(),
    signingKey: customType<ValuesOf<typeof signingKey>>(columnType(signingKey))('signing_key'),
  });
  const connections = pgTable('connections', {
    id: integer('id').primaryKey(),
    orgId: text('org_id')
      .notNull()
      .references(() => organizations.id, { onUpdate: 'cascade' }),
    label: text('label'),
    botToken: customType<BoundValuesOf<typeof botToken>>(boundColumnType(botToken))('bot_token'),
    certificate: customType<BoundValuesOf<typeof certificate>>(boundColumnType(certificate))('certificate'),
    settings: customType<BoundValuesOf<typeof settings>>(boundColumnType(settings, 'jsonb'))('settings'),
    recoveryCode: customType<ValuesOf<typeof recoveryCode>>(columnType(recoveryCode))('recovery_code'),
  });
  return {
    organizations,
    connections,
    organizationsRelations: relations(organizations, ({ many }) => ({ connections: many(connections) })),
    connectionsRelations: relations(connections, ({ one }) => ({ organization: one(organizations, { fields: [connections.orgId], references: [organizations.id] }) })),
  };
}
