import { type Census, censusColumn, type ColumnDatabase, type FenceStanding, fencesOf, type ForeignLook, foreignLook, type Survey } from '@lockfast/columns/jobs';
import { LockfastError } from '@lockfast/core/errors';
import type { KeyRing } from '@lockfast/core/keyring';

import type { Arguments } from '../arguments.ts';
import { EXIT_STATUS } from '../exit-status.ts';
import { failureJson } from '../failure-json.ts';
import type { Session } from '../session.ts';
import { grouped } from '../terminal.ts';
import { Workspace } from '../workspace.ts';
import type { ColumnAccess } from './column-access.ts';
import type { ConfiguredColumn } from './declared.ts';
import { isHalf, isOutdated, shownFences } from './fenced.ts';
import { lookAtColumns } from './looking.ts';
import { numberOption } from './number-option.ts';
import { MOST_SAMPLE, shownCodes, shownTenants, shreddedRows, survey, unreadableRows } from './surveying.ts';

/** An entry of the ledger is no place for more. */
const MOST_COUNTS = 200;

/** A column as it was found, or why it was not. */
interface Found {
  readonly column: ConfiguredColumn;
  readonly census?: Census | Survey;
  readonly fences?: readonly FenceStanding[];
  /** What its plaintext looks like, where that may be another library's. */
  readonly foreign?: ForeignLook | undefined;
  readonly error?: LockfastError;
}

export async function run(args: Arguments, session: Session): Promise<number> {
  const workspace = new Workspace(args, session);
  const proves = args.text('verify') !== undefined;
  const sample = args.text('verify') === 'all' ? undefined : numberOption(args, session, 'verify', MOST_SAMPLE, 'write all, or how many rows, in digits');
  const looked = await lookAtColumns(
    proves ? 'column-verify' : 'column-status',
    workspace,
    args,
    session,
    async ({ columns, ring, access, signal }) => {
      const all: Found[] = [];
      for (const column of columns) {
        const count = (): Promise<Census | Survey> => (proves ? survey(column, sample, access, session, signal) : censusOf(column, ring, access));
        all.push(await look(column, count, () => access.database(column), ring));
        // A count by the database is one statement, which hears of nothing.
        signal.throwIfAborted();
      }
      return all;
    },
    countsOf,
  );
  if ('interrupted' in looked) return looked.interrupted;
  await workspace.signIfDue(await workspace.ring());
  return report(looked.found, await workspace.ring(), args, session);
}

async function censusOf(column: ConfiguredColumn, ring: KeyRing, access: ColumnAccess): Promise<Census> {
  return censusColumn(await access.database(column), column, ring);
}

/** One database that does not answer must not hide what the others hold. */
async function look(column: ConfiguredColumn, count: () => Promise<Census | Survey>, reached: () => Promise<ColumnDatabase>, ring: KeyRing): Promise<Found> {
  try {
    const census = await count();
    const database = await reached();
    const foreign = census.plaintext === 0 ? undefined : await foreignLook(database, column);
    return { column, census, fences: await fencesOf(database, column, ring), foreign };
  } catch (error) {
    if (!(error instanceof LockfastError)) throw error;
    return { column, error };
  }
}

function countsOf(found: readonly Found[]): { details: Record<string, number> } {
  const sum = (count: (census: Census | Survey) => number): number => found.reduce((all, { census }) => all + (census === undefined ? 0 : count(census)), 0);
  return {
    details: {
      columns: found.length,
      rows: sum(({ rows }) => rows),
      plaintext: sum(({ plaintext }) => plaintext),
      unreadable: sum(({ unknown }) => unknown),
      unreached: found.filter(({ error }) => error !== undefined).length,
      ...Object.fromEntries(found.flatMap(rowsByKey).slice(0, MOST_COUNTS)),
    },
  };
}

/** What the watch makes metrics of: `rows users.totp kq2d5x`. A sample says nothing of the whole. */
function rowsByKey({ column: { id }, census }: Found): [name: string, rows: number][] {
  if (census === undefined || ('sampled' in census && census.sampled)) return [];
  const { keys, plaintext, fernet, unknown } = census;
  const shredded = 'shredded' in census ? shreddedRows(census) : 0;
  return Object.entries({ ...keys, plaintext, fernet, unknown, ...(shredded === 0 ? {} : { shredded }) }).map(([key, rows]) => [`rows ${id} ${key}`, rows]);
}

function report(found: readonly Found[], ring: KeyRing, args: Arguments, session: Session): number {
  const { terminal } = session;
  const failed = found.find(({ error }) => error !== undefined)?.error;
  const failure = failed ?? finding(found);
  if (args.flag('json')) {
    const columns = found.map(({ column, census, fences, foreign, error }) => ({ ...census, ...(foreign === undefined ? {} : { looksLike: foreign }), id: column.id, title: column.title, database: column.database, fences: fences?.map(({ rule, ...fence }) => ({ ...fence, ...rule })), ...failureJson(error) }));
    terminal.json({ columns, ...failureJson(failure) });
  } else {
    print(found, ring, session);
    for (const { column, foreign } of found) if (foreign !== undefined) terminal.line(foreignStep(column.id, foreign));
    const plaintext = columnsWith(
      found.filter(({ foreign }) => foreign === undefined),
      (census) => census.plaintext,
    );
    if (plaintext !== '') terminal.line(`Next: lockfast column encrypt ${plaintext}`);
    const behind = columnsBehind(found, ring);
    if (behind !== '') terminal.line(`Next: lockfast column rotate ${behind}, when every program has the key ring`);
    const outdated = withFence(found, isOutdated);
    const half = withFence(found, isHalf);
    if (half !== '') terminal.line(`Next: lockfast column fence ${half}, which completes it`);
    if (outdated !== '') terminal.line(`Next: lockfast column fence ${outdated}, when nothing is under the finished keys any more`);
  }
  for (const { column, error } of found) if (error !== undefined) terminal.warn(`${column.id}: ${error.message}: ${error.hint}`);
  if (failed === undefined && failure !== undefined) terminal.note(`${failure.message}: ${failure.hint}`);
  return failure === undefined ? 0 : EXIT_STATUS[failure.code];
}

function print(found: readonly Found[], ring: KeyRing, { terminal }: Session): void {
  // Where nobody uses them, there is nothing to tell.
  const fenced = withFence(found, () => true) !== '';
  terminal.table(
    ['COLUMN', 'ROWS', 'NULL', 'PLAINTEXT', 'FERNET', 'UNKNOWN', 'KEYS', ...(fenced ? ['FENCE'] : [])],
    found.map(({ column, census, fences = [] }) => {
      if (census === undefined) return [column.id, '?', '?', '?', '?', '?', '?', ...(fenced ? ['?'] : [])];
      const { rows, null: empty, plaintext, fernet, unknown, keys } = census;
      const proven = 'fernetKeys' in census ? census.fernetKeys : {};
      return [column.id, ...[rows, empty, plaintext, fernet, unknown].map(grouped), shownKeys({ ...keys, ...proven }, ring), ...(fenced ? [shownFences(fences)] : [])];
    }),
  );
  for (const { column, census } of found) {
    if (census === undefined || !('unreadable' in census)) continue;
    const bad = unreadableRows(census);
    if (bad > 0) terminal.line(`${column.id}: ${grouped(bad)} not readable: ${shownCodes(census)}`);
    if (shreddedRows(census) > 0) terminal.line(`${column.id}: ${grouped(shreddedRows(census))} of tenants whose keys were destroyed: ${shownTenants(census)}`);
    if (census.oldest !== undefined) terminal.line(`${column.id}: the oldest value is of ${new Date(census.oldest).toISOString().slice(0, 10)}`);
  }
}

/** The one that encrypts now first: `kq2d5x 120, ab3c4d 7 (draining)`. Which Fernet key a token is under, only decrypting tells. */
function shownKeys(keys: Census['keys'], ring: KeyRing): string {
  const states = new Map(ring.keys.map(({ id, state }) => [id, state]));
  const isActive = (id: string): boolean => states.get(id) === 'active';
  const ids = Object.keys(keys).toSorted((a, b) => Number(isActive(b)) - Number(isActive(a)));
  return ids.map((id) => `${id} ${grouped(keys[id]!)}${isActive(id) || states.get(id) === undefined ? '' : ` (${states.get(id)})`}`).join(', ') || '-';
}

function columnsWith(found: readonly Found[], count: (census: Census) => number): string {
  return found.filter(({ census }) => census !== undefined && count(census) > 0).map(({ column }) => column.id).join(' ');
}

/** What to do with plaintext that may be none: encrypted once more, nothing would read it. */
function foreignStep(id: string, foreign: ForeignLook): string {
  if (foreign !== 'base64') return `Next: lockfast column rotate ${id} --from ${foreign} --from-key REF, since what was looked at is ${foreign}'s`;
  return `Next: lockfast column rotate ${id} --from lockbox, or typeorm-encrypted, --from-key REF, if a library wrote what is there: base64 of no text; lockfast column encrypt ${id} only if it is plaintext`;
}

/** Those with values that `column rotate` would bring under the active key, as far as a value says so by itself. */
function columnsBehind(found: readonly Found[], ring: KeyRing): string {
  const finished = ring.keys.filter(({ state }) => state === 'draining').map(({ id }) => id);
  return columnsWith(found, ({ keys }) => finished.reduce((sum, id) => sum + (keys[id] ?? 0), 0));
}

function withFence(found: readonly Found[], matching: (fence: FenceStanding) => boolean): string {
  return found.filter(({ fences = [] }) => fences.some(matching)).map(({ column }) => column.id).join(' ');
}

/** Plaintext is none: that is what `column encrypt` is for. */
function finding(found: readonly Found[]): LockfastError | undefined {
  const unreadable = columnsWith(found, ({ unknown }) => unknown);
  const inTheWay = withFence(found, ({ state }) => state === 'in-the-way');
  if (inTheWay !== '') return new LockfastError('column-findings', `a fence refuses what is written now: ${inTheWay}`, `bring it up to date: lockfast column fence ${inTheWay}, with --also while values of the other format are left`);
  const half = withFence(found, isHalf);
  if (half !== '') return new LockfastError('column-findings', `half a fence lets some writes in that it should refuse: ${half}`, `a run was killed, or somebody dropped a trigger; complete it: lockfast column fence ${half}`);
  return unreadable === '' ? undefined : new LockfastError('column-findings', `there are values that do not open: ${unreadable}`, `see which, and what would open them: lockfast column triage ${unreadable}`);
}
