/** In a file of its own: the command's settings know it, and nothing else of columns. */
export const COLUMN_ID: RegExp = /^[a-z][a-z0-9_]*(\.[a-z0-9_]+)*$/;
export const MOST_ID_CHARACTERS = 128;

/** Whether it can be the stable id of a column: `integrations.slack.bot_token`. */
export function isColumnId(id: unknown): id is string {
  return typeof id === 'string' && id.length <= MOST_ID_CHARACTERS && COLUMN_ID.test(id);
}
