import { type CredentialRotation, credentialAges, isProven, openWork, readCredentialRotations, type WorkItem } from '@lockfast/fleet/credential-rotation';
import { LockfastError } from '@lockfast/core/errors';

import type { Arguments } from '../arguments.ts';
import { entriesOf } from '../ledger/rows.ts';
import { requireRole } from '../permission.ts';
import type { Session } from '../session.ts';
import { shownMinute } from '../terminal.ts';
import { Workspace } from '../workspace.ts';
import { credentialRecords } from './credential-place.ts';
import { shownRecord, sizeOf } from './shown-rotation.ts';

const DAY_MS = 86_400_000;

/** How old a credential is: since a rotation, or since somebody set it by hand. */
interface Age {
  readonly name: string;
  /** Empty for what tenants share, and for files of no tenant. */
  readonly tenant: string;
  readonly path: string;
  readonly changed: string;
  readonly ageDays: number;
  /** null where it was set by hand. */
  readonly rotation: string | null;
}

/** Shows no value, and decrypts none. */
export async function run(args: Arguments, session: Session): Promise<number> {
  const workspace = new Workspace(args, session);
  const [name] = args.operands;
  const tenant = args.text('tenant');
  await requireRole(workspace, session, 'auditor', { operation: 'secret-history', object: 'rotations' });
  const records = credentialRecords(workspace);
  const all = readCredentialRotations(records);
  const work = openWork(records, all).filter((item) => (name === undefined || item.name.split(' ').includes(name)) && (tenant === undefined || item.scope === tenant));
  if (args.flag('open')) return showOpen(work, args, session);
  const rotations = all.filter((record) => isAbout(record, name, tenant));
  const forged = new Set(await unproven(rotations, workspace));
  const ages = await agesOf(all, workspace, name, tenant);
  if (args.flag('json')) {
    session.terminal.json({ rotations: rotations.map((record) => ({ ...shownRecord(record), proven: !forged.has(record.id) })), credentials: ages, open: work });
    return 0;
  }
  show(rotations, forged, ages, session);
  if (work.length > 0) session.terminal.note(`left to do: ${work.length}; see them with: lockfast secret history --open`);
  return 0;
}

function isAbout({ names, files, scope }: CredentialRotation, name: string | undefined, tenant: string | undefined): boolean {
  // What all share, each has.
  return (name === undefined || names.includes(name)) && (tenant === undefined || scope === tenant || files.some((file) => file.tenant === tenant || file.tenant === ''));
}

/** Those that the ring does not vouch for; without the ring nobody can tell, and it is not said. */
async function unproven(rotations: readonly CredentialRotation[], workspace: Workspace): Promise<string[]> {
  try {
    const ring = await workspace.ring();
    return rotations.filter((record) => !isProven(record, ring)).map(({ id }) => id);
  } catch (error) {
    if (error instanceof LockfastError) return [];
    throw error;
  }
}

/** By the records, and by what the ledger knows of variables that were set by hand; the later one counts. */
async function agesOf(records: readonly CredentialRotation[], workspace: Workspace, name: string | undefined, tenant: string | undefined): Promise<Age[]> {
  const ages = new Map<string, Omit<Age, 'ageDays'>>(credentialAges(records).map((age) => [`${age.name} ${age.path}`, age]));
  const ledger = await workspace.ledger();
  if (ledger !== undefined) {
    for await (const { entry } of entriesOf(ledger.store)) {
      const { operation, kind, outcome, object, time, details, tenant: whose = '' } = entry;
      const variable = details?.['variable'];
      if (operation !== 'encrypt' || kind !== 'outcome' || outcome !== 'success' || typeof variable !== 'string' || details?.['rotation'] !== undefined) continue;
      const known = ages.get(`${variable} ${object}`);
      if (known === undefined || known.changed < time) ages.set(`${variable} ${object}`, { name: variable, tenant: whose, path: object, changed: time, rotation: null });
    }
  }
  const now = Date.now();
  return [...ages.values()]
    .filter((age) => (name === undefined || age.name === name) && (tenant === undefined || age.tenant === tenant || age.tenant === ''))
    .map((age) => ({ ...age, ageDays: Math.max(0, Math.floor((now - Date.parse(age.changed)) / DAY_MS)) }))
    .toSorted((a, b) => (a.changed < b.changed ? -1 : 1));
}

function show(rotations: readonly CredentialRotation[], forged: ReadonlySet<string>, ages: readonly Age[], { terminal }: Session): void {
  if (rotations.length === 0) terminal.line('No rotations.');
  else {
    terminal.table(
      ['ROTATION', 'STARTED', 'WHO', 'VARIABLE', 'SCOPE', 'OUTCOME', 'WHAT', 'WHY'],
      rotations.map((record) => [
        record.id,
        shownMinute(record.started),
        record.actor,
        record.names.join(' '),
        record.scope,
        record.orderedBack === null ? record.status : `${record.status} by ${record.orderedBack.actor}`,
        sizeOf(record),
        record.reason ?? '-',
      ]),
    );
    for (const { id, failures } of rotations) for (const { why } of failures) terminal.line(`  ${id}: ${why}`);
    for (const id of forged) terminal.warn(`the record of ${id} is not as it was written, or its key is gone`);
  }
  if (ages.length === 0) return;
  terminal.line();
  terminal.table(['VARIABLE', 'TENANT', 'CHANGED', 'AGE', 'BY'], ages.map(({ name, tenant, changed, ageDays, rotation }) => [name, tenant === '' ? '-' : tenant, shownMinute(changed), `${ageDays} d`, rotation ?? 'by hand']));
}

function showOpen(work: readonly WorkItem[], args: Arguments, { terminal }: Session): number {
  if (args.flag('json')) {
    terminal.json({ open: work });
    return 0;
  }
  if (work.length === 0) {
    terminal.line('Nothing is left to do.');
    return 0;
  }
  terminal.table(
    ['ID', 'WHAT', 'VARIABLE', 'SCOPE', 'SINCE', 'NOT BEFORE', 'WHY'],
    work.map(({ id, what, name, scope, added, after, reason }) => [id, WHAT[what], name, scope, added.slice(0, 10), after === null ? '-' : shownMinute(after), reason ?? '-']),
  );
  return 0;
}

const WHAT: Readonly<Record<WorkItem['what'], string>> = { rotate: 'get a new value, rotate', revoke: 'revoke the old value' };
