import { discover, type Discovered } from '@lockfast/columns/jobs';
import { LockfastError } from '@lockfast/core/errors';
import { shownLine } from '@lockfast/core/files';
import { type FernetKey, type KeyRing, ringFernetKeys } from '@lockfast/core/keyring';

import type { Arguments } from '../arguments.ts';
import { EXIT_STATUS } from '../exit-status.ts';
import { failureJson } from '../failure-json.ts';
import { listed } from '../listed.ts';
import { requireRole } from '../permission.ts';
import { Progress } from '../progress.ts';
import type { Session } from '../session.ts';
import { counted, grouped } from '../terminal.ts';
import { Workspace } from '../workspace.ts';
import { ColumnAccess } from './column-access.ts';
import { type ConfiguredColumn, declaredColumns } from './declared.ts';
import { DISCOVERY, factsOf, LACKS, type SearchedDatabase } from './discoveries.ts';
import { columnBlock } from './discovered-block.ts';
import { lookOnRecord } from './looking.ts';
import { numberOption } from './number-option.ts';
import { MOST_SAMPLE } from './surveying.ts';

const WHY = {
  'not-permitted': 'this role may not read all of it',
  'row-security': 'row security may hide rows from this role',
  'foreign-table': 'a foreign table: search the database that holds it',
  'virtual-table': 'a virtual table',
  type: 'a type that is not searched',
} as const;

export async function run(args: Arguments, session: Session): Promise<number> {
  const workspace = new Workspace(args, session);
  const { configuration } = workspace;
  const sample = numberOption(args, session, 'sample', MOST_SAMPLE);
  const names = chosenDatabases(args, workspace, session);
  const event = { operation: DISCOVERY, object: names.join(' '), environment: configuration.environment };
  await requireRole(workspace, session, 'auditor', event);
  const columns = declaredColumns(configuration);
  const looked = await lookOnRecord(
    await workspace.audit(),
    event,
    session,
    async (signal) => {
      const ring = await workspace.ring();
      await using access = new ColumnAccess(workspace, ring, session);
      const all: SearchedDatabase[] = [];
      for (const database of names) all.push(await search(database, columns.filter((column) => column.database === database), sample, ring, access, signal, session));
      return { all, ring };
    },
    ({ all, ring }) => factsOf(all, ring),
  );
  if ('interrupted' in looked) return looked.interrupted;
  await workspace.signIfDue(looked.found.ring);
  return report(looked.found.all, looked.found.ring, columns, args, session);
}

/** @throws LockfastError `config-invalid` where no database is declared, `usage` for a name that is not */
function chosenDatabases(args: Arguments, { configuration }: Workspace, { command }: Session): string[] {
  const names = Object.keys(configuration.databases);
  if (names.length === 0) throw new LockfastError('config-invalid', `${configuration.file} declares no databases`, 'add [databases.NAME] with a url: see docs/guides/columns.md');
  const wanted = args.text('database');
  if (wanted === undefined) return names;
  if (!names.includes(wanted)) throw new LockfastError('usage', `${command}: no database of that name is declared`, `name one of: ${listed(names)}`);
  return [wanted];
}

/** One database that does not answer must not hide what the others hold. */
async function search(database: string, declared: readonly ConfiguredColumn[], sample: number | undefined, ring: KeyRing, access: ColumnAccess, signal: AbortSignal, { terminal }: Session): Promise<SearchedDatabase> {
  const progress = new Progress(terminal, 'MiB', 'timed');
  try {
    const keys = new Map<string, FernetKey>();
    for (const column of declared) for (const key of await access.fernetKeys(column)) keys.set(key.name, key);
    for (const key of ringFernetKeys(ring)) keys.set(key.name, key);
    const discovery = await discover(await access.database({ database }), {
      declared,
      fernetKeys: [...keys.values()],
      ...(sample === undefined ? {} : { sample }),
      signal,
      onProgress: (bytes, total, table) => progress.show(Math.floor(bytes / 2 ** 20), Math.ceil(total / 2 ** 20), `, ${shownLine(table)}`),
    });
    return { database, discovery };
  } catch (error) {
    if (!(error instanceof LockfastError)) throw error;
    return { database, error };
  } finally {
    progress.end();
  }
}

function report(all: readonly SearchedDatabase[], ring: KeyRing, declared: readonly ConfiguredColumn[], args: Arguments, session: Session): number {
  const { terminal } = session;
  const failure = findings(all);
  if (args.flag('json')) {
    const ids = new Set(declared.map(({ id }) => id));
    const databases = all.map(({ database, discovery, error }) => ({
      database,
      ...(discovery === undefined ? {} : { ...discovery, found: discovery.found.map((one) => ({ ...one, block: columnBlock(database, one, ids) ?? null })) }),
      ...failureJson(error),
    }));
    terminal.json({ databases, ...failureJson(failure) });
  } else print(all, ring, declared, session);
  for (const { database, error } of all) if (error !== undefined) terminal.warn(`${database}: ${error.message}: ${error.hint}`);
  if (failure !== undefined && all.every(({ error }) => error === undefined)) terminal.note(`${failure.message}: ${failure.hint}`);
  return failure === undefined ? 0 : EXIT_STATUS[failure.code];
}

function print(all: readonly SearchedDatabase[], ring: KeyRing, declared: readonly ConfiguredColumn[], { terminal }: Session): void {
  const found = all.flatMap(({ database, discovery }) => (discovery?.found ?? []).map((one) => ({ database, one })));
  if (found.length > 0) {
    terminal.table(
      ['DATABASE', 'TABLE', 'COLUMN', 'PATH', 'FORMAT', 'ROWS', 'KEYS'],
      found.map(({ database, one }) => [database, one.table, one.column, shownPathOf(one), `${one.format}${one.whole ? '' : ', inside of text'}${one.copy ? ', a copy' : ''}`, grouped(one.rows), shownKeys(one, ring)]),
    );
  }
  for (const { database, discovery } of all) {
    if (discovery === undefined) continue;
    const { tables, columns, leftOut, sampled } = discovery;
    terminal.line(`${database}: ${sampled ? 'a sample of ' : ''}${counted(columns, 'column')} of ${counted(tables, 'table')} searched, ${discovery.found.length === 0 ? 'nothing undeclared found' : `${counted(discovery.found.length, 'undeclared place')} found`}`);
    for (const { name, why } of leftOut) terminal.line(`  not searched: ${shownLine(name)}: ${WHY[why]}`);
  }
  const ids = new Set(declared.map(({ id }) => id));
  const blocks = found.map(({ database, one }) => columnBlock(database, one, ids)).filter((block) => block !== undefined);
  if (blocks.length === 0) return;
  terminal.line();
  terminal.line('# For lockfast.toml. id and context must be what the code of the application says: values are bound to them.');
  for (const block of blocks) for (const line of ['', ...block]) terminal.line(line);
}

function shownPathOf({ path }: Discovered): string {
  return path.length === 0 ? '-' : path.map((step) => shownLine(step)).join(' > ');
}

/** `kq2d5x 12 (active), zzzzzz 3 (of no key here)`. */
function shownKeys({ keys }: Discovered, ring: KeyRing): string {
  const states = new Map(ring.keys.map(({ id, state }) => [id, state]));
  return Object.entries(keys)
    .map(([name, rows]) => (name === '' ? `? ${grouped(rows)} (no key here opens them)` : `${name} ${grouped(rows)}${/[:]/.test(name) ? '' : ` (${states.get(name) ?? 'not of this key ring'})`}`))
    .join(', ');
}

function findings(all: readonly SearchedDatabase[]): LockfastError | undefined {
  const failed = all.find(({ error }) => error !== undefined)?.error;
  if (failed !== undefined) return failed;
  const found = all.reduce((sum, { discovery }) => sum + (discovery?.found.length ?? 0), 0);
  const unread = all.flatMap(({ discovery }) => (discovery?.leftOut ?? []).filter(({ why }) => LACKS.has(why)).map(({ name }) => name));
  if (found === 0 && unread.length === 0) return undefined;
  const parts = [...(found === 0 ? [] : [`${counted(found, 'place')} ${found === 1 ? 'holds' : 'hold'} encrypted values and ${found === 1 ? 'is' : 'are'} not declared`]), ...(unread.length === 0 ? [] : [`not all was searched: ${listed(unread)}`])];
  const hints = [...(found === 0 ? [] : ['no job and no rotation reaches them: declare and rotate those that have an id of their own in code, delete the others; what is to be left behind, `lockfast key retire ID --leave-undeclared` puts on record']), ...(unread.length === 0 ? [] : ['grant the role SELECT on all tables, and BYPASSRLS where rows are hidden'])];
  return new LockfastError('column-findings', parts.join('; '), hints.join('; '));
}
