import { LockfastError } from '@lockfast/core/errors';
import type { KeyRing } from '@lockfast/core/keyring';

import { requireApproval } from '../approvals.ts';
import type { Arguments } from '../arguments.ts';
import { requireRole } from '../permission.ts';
import { readRing } from '../ring-document.ts';
import { changeRing } from '../ring-file.ts';
import type { Session } from '../session.ts';
import { counted } from '../terminal.ts';
import { Workspace } from '../workspace.ts';
import { refuseUnreachable, remainingSources } from './reachable-sources.ts';

export async function run(args: Arguments, session: Session): Promise<number> {
  const [uri] = args.operands as [string];
  const workspace = new Workspace(args, session);
  refuseUnknown(uri, workspace.configuration.keyring);
  const event = { operation: 'key-source-remove', object: workspace.configuration.keyring, details: { source: uri } };
  await requireRole(workspace, session, 'admin', event);
  const dropped: string[] = [];
  const ring = await changeRing(workspace, event, async (old) => {
    const { reached, missed } = await remainingSources(old, [uri], workspace.surroundings);
    refuseUnreachable(missed, args.flag('drop-unreachable'));
    dropped.push(...missed);
    const changed = await old.withoutSource(uri, reached);
    await requireApproval(workspace, session, old, event);
    return changed;
  });
  for (const gone of dropped) session.terminal.warn(`${gone} was removed, too: add it again with its key at hand`);
  session.terminal.line(`removed ${uri}; the ring has a new key of its own, and ${counted(ring.sources.length, 'key source')}`);
  warnOfNamed([uri, ...dropped], ring, workspace, session);
  return 0;
}

/** What the configuration goes on naming opens nothing any more, and where it names nothing else, no command works. */
function warnOfNamed(gone: readonly string[], ring: KeyRing, { configuration }: Workspace, { terminal }: Session): void {
  const named = configuration.namedSources.filter((uri) => gone.includes(uri));
  if (named.length === 0) return;
  const left = ring.sources.map(({ source }) => source);
  const instead = left.some((uri) => configuration.namedSources.includes(uri)) ? '' : `, and name ${left.join(' or ')} there`;
  terminal.warn(`${configuration.file} still names ${named.join(', ')} as key-source: take that out${instead}`);
}

/** Before it goes on record: what was pasted in the wrong place may be a key. */
function refuseUnknown(uri: string, path: string): void {
  const { sources } = readRing(path);
  if (sources.every(({ source }) => source !== uri)) throw new LockfastError('no-such-source', 'the key ring has no such key source', 'see `lockfast key source list`');
}
