import type { Survey } from '@lockfast/columns/jobs';
import { LockfastError } from '@lockfast/core/errors';

import type { Arguments } from '../arguments.ts';
import { EXIT_STATUS } from '../exit-status.ts';
import { failureJson } from '../failure-json.ts';
import type { Session } from '../session.ts';
import { grouped } from '../terminal.ts';
import { Workspace } from '../workspace.ts';
import type { ConfiguredColumn } from './declared.ts';
import { lookAtColumns } from './looking.ts';
import { numberOption } from './number-option.ts';
import { MOST_SAMPLE, shownCodes, shownTenants, shreddedRows, survey, unreadableRows } from './surveying.ts';

interface Verified {
  readonly column: ConfiguredColumn;
  readonly survey: Survey;
}

export async function run(args: Arguments, session: Session): Promise<number> {
  const workspace = new Workspace(args, session);
  const sample = numberOption(args, session, 'sample', MOST_SAMPLE);
  const looked = await lookAtColumns(
    'column-verify',
    workspace,
    args,
    session,
    async ({ columns, access, signal }) => {
      const all: Verified[] = [];
      for (const column of columns) all.push({ column, survey: await survey(column, sample, access, session, signal) });
      return all;
    },
    (all) => ({ details: { columns: all.length, rows: sum(all, ({ rows }) => rows), plaintext: sum(all, ({ plaintext }) => plaintext), unreadable: sum(all, unreadableRows), ...(sum(all, shreddedRows) === 0 ? {} : { shredded: sum(all, shreddedRows) }) } }),
  );
  if ('interrupted' in looked) return looked.interrupted;
  await workspace.signIfDue(await workspace.ring());
  return report(looked.found, args, session);
}

function sum(all: readonly Verified[], count: (survey: Survey) => number): number {
  return all.reduce((before, one) => before + count(one.survey), 0);
}

function report(verified: readonly Verified[], args: Arguments, { terminal }: Session): number {
  const bad = verified.filter((one) => unreadableRows(one.survey) + one.survey.plaintext > 0).map(({ column }) => column.id);
  const failure =
    bad.length === 0
      ? undefined
      : new LockfastError('column-findings', `${grouped(sum(verified, unreadableRows))} values do not open, ${grouped(sum(verified, ({ plaintext }) => plaintext))} are plaintext: ${bad.join(', ')}`, `see which: lockfast column triage ${bad.join(' ')}`);
  if (args.flag('json')) {
    terminal.json({
      ok: failure === undefined,
      columns: verified.map(({ column, survey: found }) => ({ ...found, id: column.id, title: column.title })),
      ...failureJson(failure),
    });
  } else {
    for (const { column, survey: found } of verified) {
      const opens = found.rows - found.null - found.plaintext - unreadableRows(found) - shreddedRows(found);
      const rest = [...(found.null > 0 ? [`${grouped(found.null)} without a value`] : []), ...(found.plaintext > 0 ? [`${grouped(found.plaintext)} plaintext`] : []), ...(shreddedRows(found) > 0 ? [`${grouped(shreddedRows(found))} of tenants whose keys were destroyed: ${shownTenants(found)}`] : []), ...(unreadableRows(found) > 0 ? [`not readable: ${shownCodes(found)}`] : [])];
      const good = found.plaintext + unreadableRows(found) === 0;
      terminal.line(`${good ? terminal.green('✓') : terminal.red('✗')} ${column.id}: ${grouped(opens)} of ${grouped(found.rows)} rows open${rest.length === 0 ? '' : `; ${rest.join(', ')}`}`);
    }
  }
  if (failure !== undefined) terminal.note(`${failure.message}: ${failure.hint}`);
  return failure === undefined ? 0 : EXIT_STATUS[failure.code];
}
