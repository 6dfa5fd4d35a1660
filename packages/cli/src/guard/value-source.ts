/** What a scan knows of the real values, and where from. */
import { existsSync } from 'node:fs';

import { LockfastError } from '@lockfast/core/errors';
import { readRegularFile } from '@lockfast/core/files';
import { FOR_RING_ALONE, GuardKey, guardValues, parseGuardFile, type ReadGuardFile, type Unguardable, ValueMatcher } from '@lockfast/guard';

import type { Session } from '../session.ts';
import { counted } from '../terminal.ts';
import { GUARD_KEY_VARIABLE, nearGuardKey, wrappedGuardKey } from './guard-key-file.ts';
import type { GuardPlace } from './guard-place.ts';
import { openValues } from './open-values.ts';

export interface ValueSource {
  readonly from: 'ring' | 'guard-file' | 'none';
  /** Values that are looked for. */
  readonly count: number;
  readonly matcher: ValueMatcher | undefined;
  readonly unguardable: readonly Unguardable[];
  /** What a person should know of it. */
  readonly warnings: readonly string[];
}

type Wanted = 'auto' | 'ring' | 'guard-file' | 'none';

/** Of these a person would be asked. */
const ASKING = /^(?:passphrase:|shares:.*)$/;

/**
 * @param guardFileFirst in a hook: it opens no key ring, and puts nothing on record, unless the guard file could not take some value
 * @throws LockfastError where `wanted` names one source, and it can't be had
 */
export async function valueSource(wanted: Wanted, guardFileFirst: boolean, place: GuardPlace, session: Session, today: string): Promise<ValueSource> {
  if (wanted === 'none') return nothing([]);
  if (wanted === 'ring') return fromRing(place, today);
  if (wanted === 'guard-file') return fromGuardFile(place, session);
  const ring = (): Promise<ValueSource | undefined> => fromQuietRing(place, today);
  const tries = guardFileFirst ? [() => completed(fromGuardFile(place, session), ring), ring] : [ring, () => fromGuardFile(place, session)];
  const warnings: string[] = [];
  for (const attempt of tries) {
    try {
      const source = await attempt();
      if (source !== undefined) return source;
    } catch (error) {
      if (!(error instanceof LockfastError)) throw error;
      if (FATAL.has(error.code)) throw error;
      warnings.push(`${error.message}: ${error.hint}`);
    }
  }
  return nothing(['the real values were not looked for: neither the key ring nor the guard file could be used', ...warnings]);
}

const FATAL: ReadonlySet<string> = new Set(['ledger-rewound', 'ledger-tampered']);

/** A guard file lacks values that are too short for it. Where the ring opens without a question they are looked for, too; elsewhere that is said. */
async function completed(file: ValueSource, ring: () => Promise<ValueSource | undefined>): Promise<ValueSource> {
  const lacking = file.unguardable.filter(({ why }) => why === FOR_RING_ALONE);
  if (lacking.length === 0) return file;
  try {
    const source = await ring();
    if (source !== undefined) return source;
  } catch (error) {
    if (!(error instanceof LockfastError) || FATAL.has(error.code)) throw error;
  }
  const names = lacking.map(({ tenant, variable }) => (tenant === '' ? variable : `${variable} of ${tenant}`));
  return { ...file, warnings: [...file.warnings, `${counted(lacking.length, 'value')} too short for the guard file, and not looked for, since the key ring does not open here: ${names.join(', ')}`] };
}

function nothing(warnings: readonly string[]): ValueSource {
  return { from: 'none', count: 0, matcher: undefined, unguardable: [], warnings };
}

async function fromQuietRing(place: GuardPlace, today: string): Promise<ValueSource | undefined> {
  const sources = place.workspace?.configuration.keySources ?? [];
  return sources.every((uri) => ASKING.test(uri)) ? undefined : fromRing(place, today);
}

/** The same hashes as of a guard file, under a key that nobody keeps: values of before are in the guard file alone. */
async function fromRing(place: GuardPlace, today: string): Promise<ValueSource> {
  const { workspace } = place;
  if (workspace === undefined) throw new LockfastError('config-missing', 'there is no lockfast.toml here or above', 'without it there is no key ring: scan with --values none');
  const { values, missed } = await openValues(workspace, 'guard-scan');
  const file = readGuardFile(place);
  // Where the guard file is ours as well, the values of before come from it.
  const known = file === undefined ? undefined : wrappedGuardKey(file, await workspace.ring());
  const key = known ?? GuardKey.random();
  const { values: live, unguardable } = guardValues(values, key, today, 'memory');
  const retired = known === undefined ? [] : file!.proven(known).values.filter(({ state }) => state === 'retired');
  return { from: 'ring', count: live.length, matcher: new ValueMatcher([...live, ...retired], key), unguardable, warnings: missed.map(({ file: path, why }) => `the values of ${path} were not looked for: ${why}`) };
}

function fromGuardFile(place: GuardPlace, session: Session): ValueSource {
  const { file: path } = place.settings;
  const file = readGuardFile(place);
  if (file === undefined) throw new LockfastError('not-found', `there is no guard file at ${path}`, 'where the key ring opens, write it: lockfast guard update');
  const key = nearGuardKey(file.id, session);
  if (key === undefined) throw new LockfastError('missing-key', `the key of the guard file ${file.id} is not on this machine`, `get its file from a colleague into ~/.config/lockfast/guard, or set ${GUARD_KEY_VARIABLE}`);
  const { values, unguardable } = file.proven(key);
  return { from: 'guard-file', count: values.filter(({ state }) => state === 'live').length, matcher: new ValueMatcher(values, key), unguardable, warnings: [] };
}

/** undefined where there is none. @throws LockfastError as `parseGuardFile` */
export function readGuardFile({ settings: { file: path } }: Pick<GuardPlace, 'settings'>): ReadGuardFile | undefined {
  return existsSync(path) ? parseGuardFile(readRegularFile(path, 'follow').bytes.toString('utf8'), path) : undefined;
}
