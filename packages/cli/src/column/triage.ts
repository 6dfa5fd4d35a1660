import { isShredded, type Standing, type TriagedRow, triageColumn } from '@lockfast/columns/jobs';
import { type ErrorCode, LockfastError } from '@lockfast/core/errors';

import type { Arguments } from '../arguments.ts';
import { EXIT_STATUS } from '../exit-status.ts';
import { failureJson } from '../failure-json.ts';
import type { Session } from '../session.ts';
import { counted, shownMinute } from '../terminal.ts';
import { Workspace } from '../workspace.ts';
import type { ColumnAccess } from './column-access.ts';
import { rowName } from './conversion-report.ts';
import { type ConfiguredColumn, siblings } from './declared.ts';
import { lookAtColumns } from './looking.ts';

/** So many rows have common widths: a table of millions must not lie in memory. */
const PAGE = 1000;

export async function run(args: Arguments, session: Session): Promise<number> {
  const workspace = new Workspace(args, session);
  const list = args.flag('json') ? new JsonList(session) : new TableList(session);
  let looked: Awaited<ReturnType<typeof listAll>>;
  try {
    looked = await listAll(list, workspace, args, session);
  } catch (error) {
    // What was listed already stays, and of JSON it is one document all the same.
    if (!(error instanceof LockfastError) || !list.begun) throw error;
    list.end(error);
    session.terminal.note(`${error.message}: ${error.hint}`);
    return EXIT_STATUS[error.code];
  }
  list.end();
  if ('interrupted' in looked) return looked.interrupted;
  await workspace.signIfDue(await workspace.ring());
  if (!args.flag('json')) sayWhatIsNext(looked.found.kinds, session);
  return looked.found.kinds.has('unreadable') ? 1 : 0;
}

async function listAll(list: RowList, workspace: Workspace, args: Arguments, session: Session) {
  return lookAtColumns(
    'column-triage',
    workspace,
    args,
    session,
    async ({ columns, access, signal }) => {
      const kinds = new Map<Kind, number>();
      for (const column of columns) {
        for await (const row of rowsOf(column, access, workspace, args.flag('all'), signal)) {
          list.add(column, row);
          count(kinds, row.standing);
        }
      }
      return { columns: columns.length, kinds };
    },
    ({ columns, kinds }) => ({ details: { columns, rows: [...kinds.values()].reduce((sum, rows) => sum + rows, 0) } }),
  );
}

/** What is to be done about a row. */
type Kind = 'plaintext' | 'old' | 'shredded' | 'unreadable';

function count(counts: Map<Kind, number>, standing: Standing): void {
  if (!needsAttention(standing)) return;
  const kind: Kind = isShredded(standing) ? 'shredded' : standing.kind === 'plaintext' || standing.kind === 'unreadable' ? standing.kind : 'old';
  counts.set(kind, (counts.get(kind) ?? 0) + 1);
}

function sayWhatIsNext(counts: ReadonlyMap<Kind, number>, { terminal }: Session): void {
  const say = (kind: Kind, what: string): void => {
    const rows = counts.get(kind) ?? 0;
    if (rows > 0) terminal.note(`${counted(rows, 'row')} ${what}`);
  };
  if (counts.size === 0) terminal.note('no row needs attention');
  say('plaintext', 'in plaintext: lockfast column encrypt');
  say('old', 'under an old key or in another format, which open: lockfast column rotate');
  say('shredded', 'of tenants whose keys were destroyed: `lockfast column clear --shredded` empties them');
  say('unreadable', 'that do not open: bring back what would open them; what nothing opens, `lockfast column clear` empties');
}

async function* rowsOf(column: ConfiguredColumn, access: ColumnAccess, { configuration }: Workspace, all: boolean, signal: AbortSignal): AsyncGenerator<TriagedRow> {
  const readable = await access.readable(siblings(column, configuration));
  for await (const row of triageColumn(await access.database(column), column, readable, signal)) {
    if (all || needsAttention(row.standing)) yield row;
  }
}

function needsAttention(standing: Standing): boolean {
  return standing.kind !== 'null' && !(standing.kind === 'encrypted' && standing.current);
}

function shownStanding(standing: Standing): string {
  if (standing.kind === 'null') return 'no value';
  if (standing.kind === 'plaintext') return 'plaintext';
  if (standing.kind === 'encrypted') return `${standing.current ? 'present' : 'old'} key ${standing.key}`;
  if (standing.shredded !== undefined) return `shredded tenant (its key was destroyed at ${shownMinute(standing.shredded)})`;
  return `${UNREADABLE[standing.code] ?? 'not readable'} (${standing.code}${standing.keyId === undefined ? '' : `, names ${standing.keyId}`})`;
}

const UNREADABLE: Readonly<Partial<Record<ErrorCode, string>>> = {
  malformed: 'corrupt',
  'missing-key': 'unknown key',
  'wrong-key': 'unknown key',
  'key-not-usable': 'retired key',
  'invalid-token': 'unknown key, or corrupt',
  'moved-or-altered': 'wrong context, or corrupt',
  'invalid-context': 'context is NULL',
};

/** Empty where the value opens as it is, or needs no key. */
function shownRemedy({ standing, opens, searched }: TriagedRow): string {
  if (opens !== undefined) return `${opens.row === undefined ? '' : `the context of row ${opens.row.join('/')}, as `}${opens.column}`;
  if (standing.kind !== 'unreadable') return '';
  if (standing.shredded !== undefined) return 'nothing, on purpose';
  if (standing.code === 'missing-key') return 'a key ring that has this key';
  if (standing.code === 'key-not-usable') return 'this key, which is retired';
  return searched ? 'nothing that is here' : 'not all that is here was tried';
}

interface RowList {
  /** Whether a row was added. */
  readonly begun: boolean;
  add(column: ConfiguredColumn, row: TriagedRow): void;
  /** @param failure why there are no more rows, where that is not that all were listed */
  end(failure?: LockfastError): void;
}

class TableList implements RowList {
  readonly #session: Session;
  #rows: string[][] = [];
  begun = false;

  constructor(session: Session) {
    this.#session = session;
  }

  add({ id }: ConfiguredColumn, row: TriagedRow): void {
    this.begun = true;
    this.#rows.push([id, row.key.join('/'), row.label === null ? '' : rowName(row), shownStanding(row.standing), shownRemedy(row)]);
    if (this.#rows.length === PAGE) this.end();
  }

  end(): void {
    if (this.#rows.length > 0) this.#session.terminal.table(['COLUMN', 'KEY', 'LABEL', 'STANDING', 'WHAT OPENS IT'], this.#rows);
    this.#rows = [];
  }
}

/** One object, `{"rows":[...]}`, written row by row. `key` is the row's, as in what `column clear` keeps; `keyId` that of the value. */
class JsonList implements RowList {
  readonly #terminal: Session['terminal'];
  #count = 0;

  constructor({ terminal }: Session) {
    this.#terminal = terminal;
  }

  get begun(): boolean {
    return this.#count > 0;
  }

  add({ id }: ConfiguredColumn, { key, label, standing, opens, searched }: TriagedRow): void {
    this.#terminal.raw(`${this.#count === 0 ? '{\n  "rows": [\n' : ',\n'}    ${JSON.stringify({ column: id, key, label, ...standingJson(standing), opens: opens ?? null, searched })}`);
    this.#count += 1;
  }

  end(failure?: LockfastError): void {
    const error = failure === undefined ? '' : `,\n  "error": ${JSON.stringify(failureJson(failure).error)}`;
    this.#terminal.raw(this.#count === 0 ? '{\n  "rows": []\n}\n' : `\n  ]${error}\n}\n`);
  }
}

function standingJson(standing: Standing): object {
  if (standing.kind !== 'encrypted') return standing;
  const { key, ...rest } = standing;
  return { ...rest, keyId: key };
}
