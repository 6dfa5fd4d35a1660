import { existsSync } from 'node:fs';
import { resolve } from 'node:path';

import { encryptedAt } from '@lockfast/core/env';
import { LockfastError } from '@lockfast/core/errors';
import { type HeldValue, heldValues, processesOf, see, type Tenant, tenantNamed, type Variable } from '@lockfast/fleet';

import type { Arguments } from '../arguments.ts';
import { lastWriting, type Writing } from '../ledger/last-writer.ts';
import { openStore } from '../ledger/store.ts';
import type { Session } from '../session.ts';
import { managerOf } from '../tenant/fleet-of.ts';
import { openLayer, type TenantLayer } from '../tenant/tenant-layers.ts';
import { counted, shownMinute } from '../terminal.ts';
import { Workspace } from '../workspace.ts';

const MS = { day: 86_400_000, hour: 3_600_000, minute: 60_000 } as const;

/** Where one value comes from. It is never shown. */
export async function run(args: Arguments, session: Session): Promise<number> {
  const [name] = args.operands as [string];
  const workspace = new Workspace(args, session);
  const file = args.text('file');
  const tenant = args.text('tenant') ?? workspace.tenantOf(file ?? workspace.usualEncryptedFile(undefined));
  const paths = (file === undefined ? workspace.layers(tenant) : [file]).filter((path, i, all) => i === all.length - 1 || existsSync(path));
  const layers: TenantLayer[] = [];
  for (const path of paths) layers.push(await openLayer(path, tenant, workspace, workspace.dialect(args)));
  const having = layers.filter(({ variables }) => variables.has(name));
  const layer = having.at(-1);
  if (layer === undefined) throw new LockfastError('no-such-variable', `no layer gives a value to that name: ${paths.join(', ')}`, 'see `lockfast env list` for the names that each sets');
  const path = resolve(session.directory, layer.path);
  const at = layer.opened.lines.findLastIndex((line) => line.name === name && line.kind !== 'other');
  const encrypted = encryptedAt(layer.opened, await workspace.scope(layer.path, tenant))[at];
  const writing = await writingOf(path, name, encrypted, workspace, session);
  // By the ledger, since a rotation of the data key encrypts every value anew; else by the value; else by its file.
  const written = writing === undefined ? (encrypted ?? see(path)!.changed) : Date.parse(writing.time);
  const service = tenant === undefined || workspace.configuration.fleet === undefined ? undefined : tenantNamed(workspace.configuration.fleet, tenant);
  const processes = service?.service === undefined ? [] : await processesHolding({ name, value: layer.variables.get(name)!, written }, service, session);
  const hidden = having.slice(0, -1).map((one) => one.path);
  const { key, revision } = layer.opened.header;
  const shared = path === workspace.configuration.fleet?.extends;
  if (args.flag('json')) {
    session.terminal.json({
      name,
      tenant: tenant ?? null,
      layer: path,
      shared,
      hides: hidden,
      key,
      revision,
      written: { time: new Date(written).toISOString(), by: writing?.by ?? null, program: writing?.program ?? null, entry: writing?.seq ?? null },
      unit: service?.service ?? null,
      processes: processes.map(({ pid, started, value, older }) => ({ pid, started: new Date(started).toISOString(), value, older })),
    });
    return 0;
  }
  const lines: readonly (readonly [string, string])[] = [
    ['layer', `${layer.path}${shared ? ', shared by all tenants' : ''}, revision ${revision}`],
    ['hides', hidden.length === 0 ? 'nothing' : `the value in ${hidden.join(', ')}`],
    ['key', key],
    ['written', `${shownMinute(new Date(written).toISOString())}${byWhom(writing)}`],
    ['age', shownAge(Date.now() - written)],
  ];
  session.terminal.line(`${name}${tenant === undefined ? '' : ` of ${tenant}`}`);
  for (const [label, text] of lines) session.terminal.line(`  ${label.padEnd(9)}  ${text}`);
  if (service?.service !== undefined) printProcesses(processes, service.service, session);
  return 0;
}

/** What can't be read, or is no ledger at all, is no reason to show nothing. */
async function writingOf(path: string, name: string, encrypted: number | undefined, workspace: Workspace, { terminal }: Session): Promise<Writing | undefined> {
  if (workspace.configuration.ledger === undefined) return undefined;
  try {
    const store = await openStore(workspace);
    try {
      return await lastWriting(store, path, name, encrypted);
    } finally {
      await store.close();
    }
  } catch (error) {
    if (!(error instanceof LockfastError) && !(error instanceof SyntaxError)) throw error;
    terminal.warn(`who wrote it is not known: ${error instanceof LockfastError ? error.message : 'the ledger has an entry that can not be read'}`);
    return undefined;
  }
}

async function processesHolding(variable: Variable, tenant: Tenant, session: Session): Promise<HeldValue[]> {
  const manager = managerOf([tenant], session);
  if (manager === undefined) return [];
  try {
    const [state] = await manager.states([tenant.service!]);
    return heldValues(variable, processesOf(state!.mainPid));
  } catch (error) {
    if (!(error instanceof LockfastError)) throw error;
    session.terminal.warn(`which processes run is not known: ${error.message}`);
    return [];
  }
}

function byWhom(writing: Writing | undefined): string {
  if (writing === undefined) return ', by its own time: no ledger tells who wrote it';
  return ` by ${writing.by} (${writing.program}${writing.variable ? '' : ', with the whole file'}), entry ${writing.seq} of the ledger`;
}

function printProcesses(processes: readonly HeldValue[], unit: string, { terminal }: Session): void {
  if (processes.length === 0) {
    terminal.line(`  ${'processes'.padEnd(9)}  none of ${unit} that can be seen`);
    return;
  }
  const older = processes.filter((one) => one.older).length;
  terminal.line(`  ${'processes'.padEnd(9)}  ${processes.length === 1 ? '1 process' : `${processes.length} processes`} of ${unit}, ${older === 0 ? 'none holds an older value' : `${older} with an older value: restart it`}`);
  const said = { present: 'this value', other: 'another value', absent: 'not in its environment', unreadable: 'its environment can not be read' } as const;
  for (const { pid, started, value, older: isOlder } of processes) {
    terminal.line(`    ${String(pid).padStart(7)}  since ${shownMinute(new Date(started).toISOString())}  ${said[value]}${isOlder && value !== 'other' ? ', and started before it was written' : ''}`);
  }
}

function shownAge(ms: number): string {
  const [unit, size] = Object.entries(MS).find(([, one]) => ms >= 2 * one) ?? ['minute', MS.minute];
  return counted(Math.max(0, Math.floor(ms / size)), unit);
}
