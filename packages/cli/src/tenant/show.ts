import { existingTenant } from '@lockfast/fleet';

import type { Arguments } from '../arguments.ts';
import { requireRole } from '../permission.ts';
import type { Session } from '../session.ts';
import { Workspace } from '../workspace.ts';
import { fleetOf } from './fleet-of.ts';
import { tenantRows } from './list.ts';

/** One tenant, with what its configuration says. */
export async function run(args: Arguments, session: Session): Promise<number> {
  const workspace = new Workspace(args, session);
  const tenant = existingTenant(fleetOf(workspace), args.operands[0]!);
  await requireRole(workspace, session, 'auditor', { operation: 'tenant-show', object: tenant.directory, tenant: tenant.name });
  const [row] = await tenantRows([tenant], workspace, session);
  const { directory, encryptedFile, user, window, required, generated } = tenant;
  if (args.flag('json')) {
    session.terminal.json({ ...row!, directory, file: encryptedFile, layers: workspace.layers(tenant.name), user: user ?? null, window: window ?? null, required, generated });
    return 0;
  }
  const { encrypted, mode, owner, service, unit, way, key, ownKey, revision, rotated, due, problems } = row!;
  const lines: readonly (readonly [string, string])[] = [
    ['directory', `${directory}, owner ${owner ?? '-'}`],
    ['file', encrypted ? `${encryptedFile}, mode ${mode!}, revision ${revision!}` : 'not encrypted'],
    ['layers', workspace.layers(tenant.name).join(', ')],
    ['key', key === null ? '-' : `${key}${rotated === null ? '' : `, since ${rotated.slice(0, 10)}`}; ${ownKey === true ? 'and one of its own' : 'none of its own'}`],
    ['service', unit === null ? 'none' : `${unit}, ${service ?? 'state not known'}, way ${way}`],
    ['user', user ?? 'whoever owns the directory'],
    ['window', window ?? 'at any time'],
    ['required', required.join(', ') || '-'],
    ['due', due.join(', ') || 'nothing'],
    ['problems', problems.join('; ') || 'none'],
  ];
  session.terminal.line(tenant.name);
  for (const [name, text] of lines) session.terminal.line(`  ${name.padEnd(9)}  ${text}`);
  return 0;
}
