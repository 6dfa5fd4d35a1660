import { encryptChanges, encryptedColumn, protectDataSource } from '@lockfast/columns/typeorm';
import { DataSource, EntitySchema } from 'typeorm';

export async function openStore(url, { botToken, accessToken }) {
  const orgId = { type: 'text', name: 'org_id' };
  const SlackConnection = new EntitySchema({
    name: 'SlackConnection',
    tableName: 'slack_connections',
    columns: { id: { type: 'text', primary: true }, orgId, botToken: { ...encryptedColumn(botToken, 'text'), name: 'bot_token_encrypted' } },
  });
  const ConfluenceConnection = new EntitySchema({
    name: 'ConfluenceConnection',
    tableName: 'confluence_connections',
    columns: { id: { type: 'text', primary: true }, orgId, accessToken: { ...encryptedColumn(accessToken, 'text'), name: 'access_token_encrypted' } },
  });
  const source = new DataSource({ type: 'postgres', url, entities: [SlackConnection, ConfluenceConnection] });
  await source.initialize();
  protectDataSource(source);
  const slack = source.getRepository(SlackConnection);
  const confluence = source.getRepository(ConfluenceConnection);
  return {
    addSlack: async (row) => await slack.insert(row),
    addConfluence: async (row) => await confluence.insert(row),
    renewSlack: async ({ id, orgId: org, botToken: token }) => await slack.update({ id, orgId: org }, encryptChanges(slack, { botToken: token }, { orgId: org })),
    slack: async () => await slack.find({ order: { id: 'DESC' }, take: 5 }),
    confluence: async () => await confluence.find({ order: { id: 'DESC' }, take: 5 }),
    close: async () => await source.destroy(),
  };
}
