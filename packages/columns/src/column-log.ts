import { subscribe, unsubscribe } from 'node:diagnostics_channel';

import { KEY_RING_CHANNEL, type KeyRingMessage } from '@lockfast/core/keyring';

import { COLUMN_CHANNEL, type ColumnEvent } from './events.ts';

/** What is asked of a logger: pino's order, facts first. */
export interface StructuredLogger {
  debug(facts: object, message: string): void;
  info(facts: object, message: string): void;
  warn(facts: object, message: string): void;
  error(facts: object, message: string): void;
}

/**
 * One line for each event of columns and key rings, with its facts as members: failures as errors, plaintext that was
 * handed out as warnings, all else for debugging. None holds a value, a context or a key.
 *
 * @returns what ends it
 */
export function logColumnEvents(logger: StructuredLogger): () => void {
  const onColumn = (message: unknown): void => logColumn(logger, message as ColumnEvent);
  const onKeyRing = (message: unknown): void => logKeyRing(logger, message as KeyRingMessage);
  subscribe(COLUMN_CHANNEL, onColumn);
  subscribe(KEY_RING_CHANNEL, onKeyRing);
  return () => {
    unsubscribe(COLUMN_CHANNEL, onColumn);
    unsubscribe(KEY_RING_CHANNEL, onKeyRing);
  };
}

/** Member by member, so that whatever else an event may hold one day is not logged before somebody has thought about it. */
function logColumn(logger: StructuredLogger, { event, column, count, format, key, operation, code }: ColumnEvent): void {
  if (event === 'failure') logger.error({ event, column, operation, code }, `${column}: ${operation} failed: ${code}`);
  else if (event === 'read-plaintext') logger.warn({ event, column, count }, `${column}: plaintext was read`);
  else logger.debug({ event, column, count, format, key }, `${column}: ${event}`);
}

function logKeyRing(logger: StructuredLogger, message: KeyRingMessage): void {
  const { environment, activeKey } = message;
  if (message.event === 'refused') logger.error({ event: 'key-ring-refused', code: message.code, environment, activeKey }, `the key ring was refused: ${message.code}`);
  else if (message.event === 'kept') {
    const { code, generation } = message;
    logger.error({ event: 'key-ring-kept', code, environment, activeKey, generation }, `what lies in the place of the key ring can not be taken: ${code}; the one in use stays`);
  } else if (message.event === 'replaced') logger.info({ event: 'key-ring-replaced', environment, activeKey, generation: message.generation }, 'a newer key ring is in use');
  else logger.info({ event: 'key-ring-opened', environment, activeKey }, 'the key ring is open');
}
