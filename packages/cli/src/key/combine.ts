import { audited } from '@lockfast/core/audited';
import { readRegularFile } from '@lockfast/core/files';
import { KeyRing, refuseOlderRing } from '@lockfast/core/keyring';

import type { Arguments } from '../arguments.ts';
import { failuresOnRecord } from '../on-record.ts';
import { refuseOtherEnvironment } from '../other-environment.ts';
import { requireRole } from '../permission.ts';
import { placeRing } from '../ring-file.ts';
import { readFloor } from '../ring-floors.ts';
import type { Session } from '../session.ts';
import { Workspace } from '../workspace.ts';
import { newRoot } from './new-root-key.ts';
import { orTakeBack } from './or-take-back.ts';
import { shares } from './share-files.ts';
import { reportSources } from './shown-sources.ts';

/** A new root key for the ring, by the shares of an old one. */
export async function run(args: Arguments, session: Session): Promise<number> {
  const workspace = new Workspace(args, session);
  const { keyring: path, environment } = workspace.configuration;
  const { stateDirectory, surroundings } = workspace;
  const event = { operation: 'key-combine', object: path, environment };
  await requireRole(workspace, session, 'admin', event);
  const source = await failuresOnRecord(workspace, event, () => shares(args.operands, session));
  const replace = args.flag('replace');
  const { root, opened, next } = await audited(await workspace.audit(), { ...event, details: { source: source.uri, replace } }, async () => {
    const { bytes, identity } = readRegularFile(path, 'refuse');
    const ring = await KeyRing.open(bytes.toString('utf8'), path, [source]);
    refuseOtherEnvironment(ring, workspace.configuration);
    const seen = readFloor(stateDirectory, ring.version.ring);
    if (seen !== undefined) refuseOlderRing(ring.version, seen, 'this machine');
    const made = await newRoot(args, session, surroundings, args.text('key-source'));
    return orTakeBack(made, path, async () => {
      const changed = replace ? await ring.rewrappedFor([made.source]) : await ring.withNewRoot(made.source);
      await placeRing(workspace, { path, stateDirectory, opened: ring, next: changed, expected: identity });
      return { root: made, opened: ring, next: changed };
    });
  });
  await workspace.signKeyChange(next);
  if (replace) session.terminal.warn('the shares open the ring no more: make new ones with: lockfast key split');
  reportSources(args, session, workspace, root, opened, next);
  return 0;
}
