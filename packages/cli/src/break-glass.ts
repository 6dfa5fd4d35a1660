/**
 * Reading while the ledger can't be written: on purpose, with a reason, and noted in the state directory, from where the
 * next command that finds the ledger well puts it on record. For reading alone: what changes anything can wait.
 */
import { randomBytes } from 'node:crypto';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';

import { LockfastError } from '@lockfast/core/errors';
import { ensureDirectory, identityOf, readRegularFile, removeDurably, withFileLock, writeDurably } from '@lockfast/core/files';
import type { AuditEvent, AuditOutcome, AuditSink, IntentId } from '@lockfast/core/ports';
import type { Ledger } from '@lockfast/ledger';

const LEDGER_FAILURES: ReadonlySet<string> = new Set(['ledger-unavailable', 'ledger-missing', 'ledger-tampered', 'ledger-rewound']);

/** What is kept until the ledger is back. */
interface Note {
  readonly ledger: string;
  readonly time: string;
  readonly person: string;
  readonly why: string;
  readonly reason: string;
  readonly event: AuditEvent;
}

export interface BreakGlass {
  /** Opens the ledger, as usual. */
  readonly ledger: () => Promise<Ledger | undefined>;
  /** Its place, without a password: only that ledger takes the notes over. */
  readonly place: string;
  readonly stateDirectory: string;
  readonly person: string;
  readonly reason: string;
  readonly warn: (text: string) => void;
}

/** The ledger where it can be had, else notes. */
export class BreakGlassSink implements AuditSink {
  readonly #glass: BreakGlass;
  /** Set once the ledger has failed: the rest goes where the beginning went. */
  #broken = false;

  constructor(glass: BreakGlass) {
    this.#glass = glass;
  }

  async intend(events: readonly AuditEvent[]): Promise<readonly IntentId[]> {
    return (await this.#orNote(events, (ledger) => ledger.intend(events))) ?? events.map(() => 0);
  }

  async conclude(outcomes: readonly (AuditOutcome & { readonly intent: IntentId })[]): Promise<void> {
    if (!this.#broken) await (await this.#glass.ledger())?.conclude(outcomes);
  }

  async record(event: AuditEvent & AuditOutcome): Promise<void> {
    await this.#orNote([event], (ledger) => ledger.record(event));
  }

  /** Undefined where it was noted instead. */
  async #orNote<T>(events: readonly AuditEvent[], act: (ledger: Ledger) => Promise<T>): Promise<T | undefined> {
    try {
      const ledger = await this.#glass.ledger();
      if (ledger !== undefined) return await act(ledger);
    } catch (error) {
      if (!(error instanceof LockfastError) || !LEDGER_FAILURES.has(error.code)) throw error;
      await this.#note(events, error);
    }
    this.#broken = true;
    return undefined;
  }

  async #note(events: readonly AuditEvent[], failure: LockfastError): Promise<void> {
    const { stateDirectory, place, person, reason, warn } = this.#glass;
    const directory = notesIn(stateDirectory);
    ensureDirectory(directory);
    for (const event of events) {
      const note: Note = { ledger: place, time: new Date().toISOString(), person, why: failure.code, reason, event };
      const path = join(directory, `${randomBytes(8).toString('hex')}.json`);
      await withFileLock(stateDirectory, path, () => writeDurably({ path, bytes: Buffer.from(`${JSON.stringify(note)}\n`), mode: 0o600, expected: 'absent' }));
    }
    warn(`${failure.message}; going on without it, since --break-glass was given. That is noted in ${directory}, and goes on record when the ledger is back`);
  }
}

/** Puts on record what was read without the ledger. Removed only after it is durable there: killed between, it is recorded twice. */
export async function recordBrokenGlass(ledger: Ledger, place: string, stateDirectory: string): Promise<void> {
  for (const path of notes(stateDirectory)) {
    const { bytes, identity } = readRegularFile(path, 'refuse');
    const note = parseNote(bytes.toString('utf8'), path);
    if (note.ledger !== place) continue;
    const { operation, object, tenant, environment } = note.event;
    await ledger.record({ operation: 'break-glass', object, tenant, environment, reason: note.reason, outcome: 'success', code: note.why, details: { read: operation, at: note.time, by: note.person } });
    await withFileLock(stateDirectory, path, () => {
      if (identityOf(path) !== undefined) removeDurably(path, identity);
    });
  }
}

/** It is all that is known of what was read: it is not passed over. @throws LockfastError `damaged` */
function parseNote(text: string, path: string): Note {
  try {
    const note = JSON.parse(text) as Note;
    if ([note.ledger, note.time, note.person, note.why, note.reason, note.event.operation, note.event.object].every((member) => typeof member === 'string')) return note;
  } catch {}
  throw new LockfastError('damaged', `${path} is no note of what was read without the ledger`, 'find out who changed it, keep a copy, and move it away; then run this again');
}

function notes(stateDirectory: string): string[] {
  const directory = notesIn(stateDirectory);
  try {
    return readdirSync(directory)
      .filter((name) => /^[0-9a-f]{16}\.json$/.test(name))
      .map((name) => join(directory, name));
  } catch {
    return [];
  }
}

function notesIn(stateDirectory: string): string {
  return join(stateDirectory, 'break-glass');
}
