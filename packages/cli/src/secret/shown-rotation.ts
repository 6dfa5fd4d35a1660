/** Plans and rotations for people. */
import type { CredentialRotation, RotatedService, RotationPlan } from '@lockfast/fleet/credential-rotation';

import { listed } from '../listed.ts';
import type { Session } from '../session.ts';
import { counted, shownMinute } from '../terminal.ts';

const SHARED = '(shared)';

/** Which files change, which services restart, and what else a person should know before. */
export function showPlan(plan: RotationPlan, { terminal }: Session): void {
  const { files, services, unread, without, plaintext, unmanaged } = plan;
  terminal.table(
    ['TENANT', 'FILE', 'VARIABLE', 'NOTE'],
    [
      ...files.map(({ tenant, path, names, notes, feeds }) => [
        tenant === '' ? SHARED : tenant,
        path,
        names.join(' '),
        [...(tenant === '' ? [`for ${counted(feeds.length, 'tenant')}`] : []), ...notes].join('; '),
      ]),
      ...unread.map(({ tenant, what, code }) => [tenant === '' ? SHARED : tenant, what, '?', `can not be read: ${code}`]),
    ],
  );
  if (services.length > 0) {
    terminal.line();
    terminal.table(['TENANT', 'SERVICE', 'NOW', 'WHAT'], services.map(({ tenant, unit, was }) => [tenant, unit, was, WHAT[was]]));
  }
  if (without.length > 0) terminal.note(`without it: ${listed(without)}`);
  if (plaintext.length > 0) terminal.warn(`a plaintext .env is not part of this, and keeps what it holds: ${listed(plaintext)}: import them first (lockfast tenant import)`);
  if (unmanaged.length > 0) terminal.warn(`there is no systemd here, so nothing is restarted; these need it: ${listed(unmanaged)}`);
}

const WHAT: Readonly<Record<RotatedService['was'], string>> = {
  up: 'is restarted and must be well',
  down: 'stays stopped; its file changes',
  missing: 'systemd knows no such unit',
};

/** The record as programs get it: without its seal. */
export function shownRecord(record: CredentialRotation): Record<string, unknown> {
  const { sealed: _, ...shown } = record;
  return shown;
}

/** `2 files, 12 services, 34.1 s`. */
export function sizeOf({ files, services, durationMs }: CredentialRotation): string {
  const restarted = services.filter(({ state }) => state !== 'waiting').length;
  return [counted(files.length, 'file'), ...(restarted === 0 ? [] : [counted(restarted, 'service')]), ...(durationMs === null ? [] : [`${(durationMs / 1000).toFixed(1)} s`])].join(', ');
}

export function showResult(record: CredentialRotation, { terminal }: Session): void {
  const { id, names, status, unchanged, services, failures, revokeAfter, generated, scope } = record;
  for (const { what, why } of failures) terminal.warn(why.includes(what) ? why : `${what}: ${why}`);
  terminal.line(`${id}: ${names.join(' ')} (${scope}) ${status}: ${sizeOf(record)}`);
  if (unchanged.length > 0) terminal.line(`  had this value already: ${listed(unchanged)}`);
  const down = services.filter(({ was }) => was !== 'up').map(({ unit }) => unit);
  if (down.length > 0) terminal.line(`  not started, since it did not run before: ${listed(down)}`);
  if (status !== 'completed' && status !== 'partial') return;
  terminal.line(`  back to the value before: lockfast secret rollback ${id}`);
  if (revokeAfter !== null) terminal.line(`  revoke the old value where it was issued after ${shownMinute(revokeAfter)}; then: lockfast secret done ${id}`);
  else if (!generated) terminal.line('  revoke the old value where it was issued, when no service needs it any more');
}
