/** What a running application says of itself in a table of its database, so that nobody encrypts with a key that it lacks. */
import { LockfastError } from '@lockfast/core/errors';
import { isKeyId, type KeyId } from '@lockfast/core/formats';

/** A row of the table, as it was found. None of it is a secret, and none of it is proven: who may write the table may write anything. */
export interface ReportedInstance {
  /** Drawn at its start. */
  readonly instance: string;
  /** What people know it by; a host's name mostly. */
  readonly host: string | null;
  readonly environment: string;
  /** The id of its key ring. */
  readonly ring: string;
  readonly generation: number;
  /** The key that it encrypts with. */
  readonly active: KeyId;
  /** The keys that it decrypts with, the active one among them. */
  readonly held: readonly KeyId[];
  /** Milliseconds since it reported last, by the clock of the database. */
  readonly seenAgoMs: number;
  /** Milliseconds since it started, by the same clock. */
  readonly startedAgoMs: number;
  /** Whether that is recent enough: else it has ended without a word, or can not reach the database. */
  readonly live: boolean;
}

export const HOST_NAME = /^[!-~]{1,255}$/;

const INSTANCE_ID = /^[a-z2-7]{16}$/;
const RING_ID = /^[a-z2-7]{16}$/;
const ENVIRONMENT = /^[A-Za-z0-9._-]{1,64}$/;

/**
 * A row of {@link InstanceStatements.read}.
 *
 * @param where the table, for the message
 * @throws LockfastError `database-refused` for what no application has reported: it could hide one that did
 */
export function instanceOf(row: readonly unknown[], where: string): ReportedInstance {
  const [instance, host, environment, ring, generation, active, held, goneAfter, seenAgo, startedAgo] = row;
  const keys = typeof held === 'string' ? held.split(' ') : [];
  const numbers = [generation, goneAfter, seenAgo, startedAgo].map(Number);
  if (!isText(instance, INSTANCE_ID) || !(host === null || isText(host, HOST_NAME)) || !isText(environment, ENVIRONMENT) || !isText(ring, RING_ID)) throw unknownRow(where);
  if (!keys.every(isKeyId) || typeof active !== 'string' || !keys.includes(active) || !numbers.every(Number.isFinite)) throw unknownRow(where);
  const [generationNumber, goneAfterSeconds, seenAgoSeconds, startedAgoSeconds] = numbers as [number, number, number, number];
  return {
    instance,
    host,
    environment,
    ring,
    generation: generationNumber,
    active,
    held: keys,
    // A clock that was set back must not make a row look older or newer than now.
    seenAgoMs: Math.max(0, seenAgoSeconds * 1000),
    startedAgoMs: Math.max(0, startedAgoSeconds * 1000),
    live: seenAgoSeconds <= goneAfterSeconds,
  };
}

/** @param place the database, as messages name it */
export function noInstances(place: string, table: string): LockfastError {
  return new LockfastError('config-invalid', `the database ${place} has no table ${table}, or this role does not see it`, 'no application has reported itself there yet: see docs/guides/zero-downtime-rotation.md; where it is in another schema, write instances = "SCHEMA.TABLE"');
}

function isText(value: unknown, form: RegExp): value is string {
  return typeof value === 'string' && form.test(value);
}

function unknownRow(where: string): LockfastError {
  return new LockfastError('database-refused', `${where} has a row that no application reported in this form`, 'see who else writes that table; a row of an application that has ended may be deleted');
}
