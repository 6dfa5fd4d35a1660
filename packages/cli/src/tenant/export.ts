import { LockfastError } from '@lockfast/core/errors';
import { existingTenant } from '@lockfast/fleet';

import type { Arguments } from '../arguments.ts';
import type { Session } from '../session.ts';
import { Workspace } from '../workspace.ts';
import { fleetOf } from './fleet-of.ts';
import { layered, readLayers } from './tenant-layers.ts';

/** RFC 1123 subdomain, as the names of Secrets and namespaces are. */
const KUBERNETES_NAME = /^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$/;
/** What a Secret's keys may be. */
const SECRET_KEY = /^[A-Za-z0-9._-]{1,253}$/;

/** To standard output alone: base64 is no encryption, and such a file is committed before anybody looks. */
export async function run(args: Arguments, session: Session): Promise<number> {
  const [name] = args.operands as [string];
  const workspace = new Workspace(args, session);
  const tenant = existingTenant(fleetOf(workspace), name);
  const secret = args.text('name') ?? name.toLowerCase().replaceAll('_', '-');
  const namespace = args.text('namespace');
  for (const one of [secret, ...(namespace === undefined ? [] : [namespace])]) {
    if (!KUBERNETES_NAME.test(one)) throw new LockfastError('usage', 'tenant export: that is no name of a Kubernetes object', 'use lower case letters, digits, dots and dashes');
  }
  const values = [...layered(await readLayers(tenant, workspace))];
  const unusable = values.find(([key]) => !SECRET_KEY.test(key));
  if (unusable !== undefined) throw new LockfastError('invalid-name', `${JSON.stringify(unusable[0])} can't be a key of a Secret`, 'rename it');
  // JSON is YAML; numbers and `yes` must not become something else.
  const line = (key: string, value: string): string => `${key}: ${JSON.stringify(value)}`;
  session.terminal.raw(
    [
      'apiVersion: v1',
      'kind: Secret',
      'metadata:',
      `  ${line('name', secret)}`,
      ...(namespace === undefined ? [] : [`  ${line('namespace', namespace)}`]),
      'type: Opaque',
      'data:',
      ...values.flatMap(([key, value]) => (value === null ? [] : [`  ${line(JSON.stringify(key), Buffer.from(value, 'utf8').toString('base64'))}`])),
      '',
    ].join('\n'),
  );
  return 0;
}
