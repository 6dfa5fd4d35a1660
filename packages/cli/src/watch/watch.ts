import { setTimeout as pause } from 'node:timers/promises';

import { LockfastError } from '@lockfast/core/errors';
import { isPressing, startMetricsServer, type WatchState, writeTextfile } from '@lockfast/watch';

import type { Arguments } from '../arguments.ts';
import { requireRole } from '../permission.ts';
import type { Session } from '../session.ts';
import { counted } from '../terminal.ts';
import { alertRows, ALERT_HEAD, shownAlert } from './alert-rows.ts';
import { listenAddress } from './listen-address.ts';
import { WatchPlace } from './place.ts';

/** For deliveries that are under way when it ends. */
const LAST_DELIVERIES_MS = 15_000;

export async function run(args: Arguments, session: Session): Promise<number> {
  const once = args.flag('once');
  const listen = args.text('listen');
  if (once && listen !== undefined) throw new LockfastError('usage', 'watch: --once and --listen do not go together', 'give --textfile with --once, or leave --once out');
  if (!once && args.flag('json')) throw new LockfastError('usage', 'watch: --json is for --once', 'give both, or see lockfast watch list --json');
  const address = listen === undefined ? undefined : listenAddress(listen);
  const place = new WatchPlace(args, session);
  const { configuration } = place.workspace;
  await requireRole(place.workspace, session, 'auditor', { operation: 'watch', object: configuration.file, environment: configuration.environment });
  return once ? lookOnce(place, args, session) : stay(place, address, args, session);
}

async function lookOnce(place: WatchPlace, args: Arguments, { terminal }: Session): Promise<number> {
  const { state, metrics } = await place.look('awaited');
  const textfile = args.text('textfile');
  if (textfile !== undefined) writeTextfile(textfile, metrics);
  const failures = await place.tell();
  const open = state.alerts.filter(({ acknowledged }) => acknowledged === undefined);
  const pressing = open.filter(isPressing).length;
  if (args.flag('json')) terminal.json({ ok: pressing === 0, entries: state.seq, alerts: open.map(shownAlert), failed: [...failures].map(([channel, { code, message }]) => ({ channel, code, message })) });
  else if (open.length === 0) terminal.line(`nothing open; ${counted(state.seq, 'entry')} of the ledger read`);
  else terminal.table(ALERT_HEAD, alertRows(open));
  for (const { message, hint } of failures.values()) terminal.warn(`${message}: ${hint}`);
  return pressing === 0 ? 0 : 1;
}

async function stay(first: WatchPlace, address: { readonly host: string; readonly port: number } | undefined, args: Arguments, session: Session): Promise<number> {
  const { terminal } = session;
  const textfile = args.text('textfile');
  let metrics = '';
  let place = first;
  let wake = new AbortController();
  let ended = false;
  let reread = false;
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => { ended = true; wake.abort(); });
  process.on('SIGHUP', () => { reread = true; wake.abort(); });
  const server = address === undefined ? undefined : await startMetricsServer(address, () => metrics);
  if (server !== undefined) terminal.line(`metrics at ${server.url}`);
  let telling: Promise<void> | undefined;
  const told = new Set<string>();
  const isEnded = (): boolean => ended;
  while (!isEnded()) {
    if (reread) place = readAgain(place, args, session);
    reread = false;
    let state: WatchState | undefined;
    try {
      ({ state, metrics } = await place.look('as they were'));
      if (textfile !== undefined) writeTextfile(textfile, metrics);
    } catch (error) {
      // A full disk, a lock that somebody holds: the next look may go well, and the service must stay.
      if (!(error instanceof LockfastError) || error.code === 'usage') throw error;
      terminal.warn(`${error.message}: ${error.hint}`);
    }
    for (const alert of state?.alerts ?? []) if (!told.has(alert.id)) { told.add(alert.id); terminal.note(`${alert.id} ${alert.severity}: ${alert.summary} (${alert.rule})`); }
    telling ??= tellAll(place, session).finally(() => (telling = undefined));
    wake = isEnded() || reread ? aborted() : new AbortController();
    await pause(place.everyMs, undefined, { signal: wake.signal }).catch(() => {});
  }
  await Promise.race([telling, pause(LAST_DELIVERIES_MS, undefined, { ref: false })]);
  await server?.stop();
  return 0;
}

async function tellAll(place: WatchPlace, { terminal }: Session): Promise<void> {
  try {
    for (const { message, hint } of (await place.tell()).values()) terminal.warn(`${message}: ${hint}`);
  } catch (error) {
    if (!(error instanceof LockfastError)) throw error;
    terminal.warn(`${error.message}: ${error.hint}`);
  }
}

/** One that can't be used leaves the one before. */
function readAgain(place: WatchPlace, args: Arguments, session: Session): WatchPlace {
  try {
    const next = new WatchPlace(args, session);
    session.terminal.note('the configuration was read again');
    return next;
  } catch (error) {
    if (!(error instanceof LockfastError)) throw error;
    session.terminal.warn(`the configuration stays as it was: ${error.message}: ${error.hint}`);
    return place;
  }
}

function aborted(): AbortController {
  const controller = new AbortController();
  controller.abort();
  return controller;
}
