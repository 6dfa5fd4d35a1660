import { blindIndex } from '@lockfast/columns';
import { censusIndex, type IndexCensus, type IndexSurvey, surveyIndex } from '@lockfast/columns/jobs';
import { LockfastError } from '@lockfast/core/errors';
import type { KeyRing } from '@lockfast/core/keyring';

import type { Arguments } from '../../arguments.ts';
import { EXIT_STATUS } from '../../exit-status.ts';
import { failureJson } from '../../failure-json.ts';
import { requireRole } from '../../permission.ts';
import { Progress } from '../../progress.ts';
import type { Session } from '../../session.ts';
import { grouped } from '../../terminal.ts';
import { Workspace } from '../../workspace.ts';
import { ColumnAccess } from '../column-access.ts';
import { rowName } from '../conversion-report.ts';
import { lookOnRecord } from '../looking.ts';
import { numberOption } from '../number-option.ts';
import { MOST_SAMPLE } from '../surveying.ts';
import { chosenIndexes } from './chosen-indexes.ts';
import type { ConfiguredIndex } from './declared-indexes.ts';
import { hasKey, indexKeysOf } from './index-keys.ts';

/** An index as it was found, or why it was not. */
interface Found {
  readonly index: ConfiguredIndex;
  readonly census?: IndexCensus;
  readonly survey?: IndexSurvey;
  readonly error?: LockfastError;
}

export async function run(args: Arguments, session: Session): Promise<number> {
  const workspace = new Workspace(args, session);
  const proves = args.text('verify') !== undefined;
  const sample = args.text('verify') === 'all' ? undefined : numberOption(args, session, 'verify', MOST_SAMPLE, 'write all, or how many rows, in digits');
  const indexes = chosenIndexes(args, session, workspace.configuration);
  const event = { operation: proves ? 'column-index-verify' : 'column-index-status', object: indexes.map(({ id }) => id).join(' '), environment: workspace.configuration.environment };
  await requireRole(workspace, session, 'auditor', event);
  const look = async (signal: AbortSignal): Promise<Found[]> => {
    const ring = await workspace.ring();
    await using access = new ColumnAccess(workspace, ring, session);
    const all: Found[] = [];
    for (const index of indexes) {
      all.push(await lookAt(index, ring, access, proves, sample, signal, session));
      // A count by the database is one statement, which hears of nothing.
      signal.throwIfAborted();
    }
    return all;
  };
  const looked = await lookOnRecord(await workspace.audit(), event, session, look, countsOf);
  if ('interrupted' in looked) return looked.interrupted;
  const ring = await workspace.ring();
  await workspace.signIfDue(ring);
  return report(looked.found, ring, args, session);
}

async function lookAt(index: ConfiguredIndex, ring: KeyRing, access: ColumnAccess, proves: boolean, sample: number | undefined, signal: AbortSignal, session: Session): Promise<Found> {
  const progress = new Progress(session.terminal, 'rows', 'timed');
  try {
    const database = await access.database(index.source);
    const census = await censusIndex(database, index, ring);
    // Without a key nothing can be right.
    if (!proves || !hasKey(ring, index.id)) return { index, census };
    const survey = await surveyIndex(database, index, blindIndex(ring, index.definition), await access.values(index.source), { sample, signal, onProgress: (rows, estimated) => progress.show(rows, Math.max(rows, estimated)) });
    return { index, census, survey };
  } catch (error) {
    if (!(error instanceof LockfastError)) throw error;
    return { index, error };
  } finally {
    progress.end();
  }
}

function countsOf(found: readonly Found[]): { readonly details: Record<string, number> } {
  const sum = (count: (one: Found) => number): number => found.reduce((all, one) => all + count(one), 0);
  return {
    details: {
      indexes: found.length,
      rows: sum(({ census }) => census?.rows ?? 0),
      unknown: sum(({ census }) => census?.unknown ?? 0),
      missing: sum(({ survey }) => survey?.missing ?? 0),
      stale: sum(({ survey }) => survey?.stale ?? 0),
      unreached: sum(({ error }) => (error === undefined ? 0 : 1)),
    },
  };
}

function report(found: readonly Found[], ring: KeyRing, args: Arguments, session: Session): number {
  const { terminal } = session;
  const failure = found.find(({ error }) => error !== undefined)?.error ?? finding(found);
  const next = found.flatMap((one) => nextOf(one, ring));
  if (args.flag('json')) {
    const indexes = found.map(({ index, census, survey, error }) => ({
      id: index.id,
      of: index.source.id,
      database: index.source.database,
      indexKeys: indexKeysOf(ring, index.id).map(({ id, state, created, fingerprint }) => ({ id, state, created, fingerprint })),
      ...(census === undefined ? {} : { rows: census.rows, null: census.null, unknown: census.unknown, keys: census.keys, falsePositives: falsePositives(index, census) }),
      ...(survey === undefined ? {} : { verified: survey }),
      ...failureJson(error),
    }));
    terminal.json({ indexes, next, ...failureJson(failure) });
  } else {
    print(found, ring, session);
    for (const step of next) terminal.line(`Next: ${step}`);
  }
  for (const { index, error } of found) if (error !== undefined) terminal.warn(`${index.id}: ${error.message}: ${error.hint}`);
  if (failure !== undefined && found.every(({ error }) => error === undefined)) terminal.note(`${failure.message}: ${failure.hint}`);
  return failure === undefined ? 0 : EXIT_STATUS[failure.code];
}

function print(found: readonly Found[], ring: KeyRing, { terminal }: Session): void {
  terminal.table(
    ['INDEX', 'OF', 'ROWS', 'NULL', 'UNKNOWN', 'KEYS'],
    found.map(({ index, census }) => [index.id, index.source.id, ...(census === undefined ? ['?', '?', '?', '?'] : [...[census.rows, census.null, census.unknown].map(grouped), shownKeys(census, index, ring)])]),
  );
  for (const { index, census, survey } of found) {
    const expected = census === undefined ? 0 : falsePositives(index, census);
    if (expected >= 0.1) terminal.line(`${index.id}: with ${index.definition.bits!} bits a search finds about ${expected.toFixed(1)} other rows, too`);
    if (survey === undefined) continue;
    const right = Object.values(survey.keys).reduce((sum, rows) => sum + rows, 0);
    const rest = [
      ...(survey.null > 0 ? [`${grouped(survey.null)} without a value`] : []),
      ...(survey.missing > 0 ? [`${grouped(survey.missing)} without an index`] : []),
      ...(survey.stale > 0 ? [`${grouped(survey.stale)} with the index of another value`] : []),
      ...Object.entries(survey.unreadable).map(([code, rows]) => `${grouped(rows)} not readable: ${code}`),
    ];
    const good = survey.missing + survey.stale === 0;
    terminal.line(`${good ? terminal.green('✓') : terminal.red('✗')} ${index.id}: ${grouped(right)} of ${grouped(survey.rows)} rows have the index of their value${rest.length === 0 ? '' : `; ${rest.join(', ')}`}`);
    for (const row of survey.first) terminal.line(`    ${terminal.red('✗')} ${rowName(row)}`);
  }
}

/** The current one first: `kq2d5x 120, ab3c4d 7 (older)`. */
function shownKeys({ keys }: IndexCensus, { id }: ConfiguredIndex, ring: KeyRing): string {
  const shown = indexKeysOf(ring, id)
    .toSorted((a, b) => Number(b.state === 'current') - Number(a.state === 'current'))
    .filter((key) => key.state !== 'destroyed' || (keys[key.id] ?? 0) > 0)
    .map((key) => `${key.id} ${grouped(keys[key.id] ?? 0)}${key.state === 'current' ? '' : ` (${key.state})`}`);
  return shown.join(', ') || 'no key yet';
}

/** Other rows that a search finds, on average, were all values different: what is not hidden by equal values. */
function falsePositives({ definition: { bits = 256 } }: ConfiguredIndex, { rows, null: empty }: IndexCensus): number {
  return (rows - empty) / 2 ** bits;
}

/** The next step of a rotation that is under way, or the first one of all. */
function nextOf({ index: { id }, census }: Found, ring: KeyRing): string[] {
  if (!hasKey(ring, id)) return [`lockfast column index build ${id}`];
  const keys = indexKeysOf(ring, id);
  if (keys.some(({ state }) => state === 'staged')) return [`when every program has the key ring: lockfast column index activate ${id}`];
  const older = keys.find(({ state }) => state === 'older');
  if (older === undefined) return [];
  if (census !== undefined && (census.keys[older.id] ?? 0) === 0) return [`when every program has the present key ring: lockfast column index finish ${id}`];
  return [`lockfast column index build ${id}, then lockfast column index finish ${id}`];
}

function finding(found: readonly Found[]): LockfastError | undefined {
  const wrong = found.filter(({ census, survey }) => (census?.unknown ?? 0) + (survey?.missing ?? 0) + (survey?.stale ?? 0) > 0).map(({ index }) => index.id);
  return wrong.length === 0 ? undefined : new LockfastError('column-findings', `there are rows that a search does not find, or finds wrongly: ${wrong.join(', ')}`, `write their index anew: lockfast column index build ${wrong.join(' ')}; and mend what writes values without it`);
}
