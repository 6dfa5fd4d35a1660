import { LockfastError } from '@lockfast/core/errors';
import { shownPath } from '@lockfast/core/files';
import type { KeyUsage, UnreadFile } from '@lockfast/core/rotation';

import type { Arguments } from '../arguments.ts';
import { lookOnRecord } from '../column/looking.ts';
import { requireRole } from '../permission.ts';
import type { Session } from '../session.ts';
import { counted, grouped } from '../terminal.ts';
import { Workspace } from '../workspace.ts';
import { type ColumnRows, type ColumnUsage, sweepColumns, type UnreadColumn } from './column-sweep.ts';
import { type IndexKeyUsage, sweepIndexes } from './index-sweep.ts';
import { keyOperand } from './operand.ts';
import { sweep } from './sweep.ts';

/** Where a key is used: in files, backups and columns. */
interface WholeUsage extends KeyUsage {
  readonly rows: number;
  readonly columns: readonly ColumnRows[];
}

interface Swept {
  readonly keys: readonly WholeUsage[];
  readonly indexKeys: readonly IndexKeyUsage[];
  readonly unread: readonly (UnreadFile | UnreadColumn)[];
  readonly shredded: ColumnUsage['shredded'];
}

export async function run(args: Arguments, session: Session): Promise<number> {
  const id = args.operands.length === 0 ? undefined : keyOperand(args);
  const workspace = new Workspace(args, session);
  const { environment, keyring } = workspace.configuration;
  const event = { operation: 'key-usage', object: id ?? keyring, keyId: id, environment };
  await requireRole(workspace, session, 'auditor', event);
  const looked = await lookOnRecord(await workspace.audit(), event, session, (signal) => sweepAll(workspace, id, session, signal), countsOf);
  if ('interrupted' in looked) return looked.interrupted;
  const { keys, indexKeys, unread, shredded } = looked.found;
  const states = new Map((await workspace.ring()).keys.map((key) => [key.id, key.state]));
  const missed = unread.map((one) => ('column' in one ? { column: one.column, kind: 'column', code: one.code, message: one.message } : { path: one.path, kind: one.kind, code: one.error.code, message: one.error.message }));
  if (args.flag('json')) {
    session.terminal.json({ keys: keys.map(({ first, columns, ...counts }) => ({ ...counts, columns: columns.map(({ column, rows }) => ({ id: column, rows })), first })), indexKeys, unread: missed, shredded });
  } else {
    if (keys.length > 0) {
      session.terminal.table(
        ['KEY', 'STATE', 'FILES', 'VALUES', 'ROWS', 'BACKUPS'],
        keys.map((key) => [key.id, states.get(key.id)!, String(key.files), String(key.values), grouped(key.rows), String(key.backups)]),
      );
    }
    if (id !== undefined) for (const name of keys[0]?.first ?? []) session.terminal.line(`  ${shownPath(name)}`);
    if (id !== undefined) for (const { column, rows } of keys[0]?.columns ?? []) session.terminal.line(`  ${column}: ${counted(rows, 'row')}`);
    for (const [column, rows] of byColumn(shredded)) session.terminal.note(`${counted(rows, 'row')} of ${column} ${rows === 1 ? 'is' : 'are'} under no key that is left: the keys of their tenants were destroyed; \`lockfast column clear ${column} --shredded\` empties them`);
    if (keys.length > 0 && indexKeys.length > 0) session.terminal.line();
    if (indexKeys.length > 0) {
      session.terminal.table(
        ['INDEX KEY', 'STATE', 'BLIND INDEX', 'ROWS'],
        indexKeys.map((key) => [key.id, key.state, key.index, key.rows === null ? '?' : grouped(key.rows)]),
      );
    }
    for (const { message } of missed) session.terminal.warn(`not counted: ${message}`);
  }
  return unread.length === 0 ? 0 : 1;
}

function byColumn(shredded: ColumnUsage['shredded']): Map<string, number> {
  const rows = new Map<string, number>();
  for (const one of shredded) rows.set(one.column, (rows.get(one.column) ?? 0) + one.rows);
  return rows;
}

/** @throws LockfastError `no-such-key`, `config-invalid` */
async function sweepAll(workspace: Workspace, id: string | undefined, session: Session, signal: AbortSignal): Promise<Swept> {
  const ring = await workspace.ring();
  const askedIndexKeys = ring.indexKeys.filter((key) => id === undefined || key.id === id);
  const indexes = await sweepIndexes(askedIndexKeys, workspace, ring, session);
  // An id is that of one key alone.
  if (id !== undefined && askedIndexKeys.length > 0) return { keys: [], indexKeys: indexes.used, unread: indexes.unread, shredded: [] };
  const files = sweep(workspace, ring);
  const asked = files.keys.filter((key) => id === undefined || key.id === id);
  if (asked.length === 0) throw new LockfastError('no-such-key', 'the key ring has no key of this id', 'see `lockfast key list`');
  const columns = workspace.configuration.columns.length === 0 ? { used: [], unread: [], shredded: [] } : await sweepColumns(workspace, ring, session, signal);
  const keys = asked.map((key) => {
    const under = columns.used.filter((one) => one.key === key.id);
    return { ...key, rows: under.reduce((sum, { rows }) => sum + rows, 0), columns: under };
  });
  return { keys, indexKeys: indexes.used, unread: [...files.unread, ...columns.unread, ...indexes.unread], shredded: columns.shredded };
}

function countsOf({ keys, unread }: Swept): { details: Record<string, number> } {
  const sum = (count: (key: WholeUsage) => number): number => keys.reduce((all, key) => all + count(key), 0);
  return { details: { files: sum((key) => key.files), rows: sum((key) => key.rows), backups: sum((key) => key.backups), unread: unread.length } };
}
