import { randomUUID } from 'node:crypto';

import { generateRootKey, KeyRing } from '@lockfast/core/keyring';
import { keySource } from '@lockfast/keys';

import type { Arguments } from '../arguments.ts';
import type { Session } from '../session.ts';
import { counted } from '../terminal.ts';
import type { Workspace } from '../workspace.ts';
import { keysLacking } from './lacking-keys.ts';
import { openAll, type OpenedFile, printOpened } from './opened-files.ts';

/** What was opened: by a backup's passphrase, or by shares. */
export interface Recovery {
  readonly ring: KeyRing;
  /** Where it came from, absolute. */
  readonly from: string;
  readonly kind: 'backup' | 'shares';
}

/**
 * The whole of a restore in memory, up to a root key that is thrown away, and every configured file decrypted with what
 * comes out. Nothing is written but the record of it.
 *
 * @param above the highest generation of the ring that is known
 */
export async function runDrill(args: Arguments, session: Session, workspace: Workspace | undefined, recovery: Recovery, above: number): Promise<number> {
  const { ring: opened, from, kind } = recovery;
  const ring = await rebuilt(opened, above, session);
  const files = workspace === undefined ? [] : openAll(workspace, ring);
  const lacking = workspace === undefined ? [] : keysLacking(ring, workspace.configuration.keyring);
  const closed = files.filter(({ problem }) => problem !== undefined);
  const ok = closed.length === 0 && lacking.length === 0;
  const details = { from: kind, files: files.length, opened: files.length - closed.length, keysLacking: lacking.join(' ') };
  await (await workspace?.audit())?.record({ operation: 'key-restore-drill', object: from, environment: ring.environment, details, outcome: ok ? 'success' : 'failure' });
  if (args.flag('json')) session.terminal.json({ drill: true, ok, environment: ring.environment, keys: ring.keys.map(({ id }) => id), lacking, files });
  else print(session, ring, recovery, files, lacking, workspace !== undefined);
  return ok ? 0 : 1;
}

/** As it would be written, and opened by its new root key. */
async function rebuilt(opened: KeyRing, above: number, session: Session): Promise<KeyRing> {
  const name = `DRILL_${randomUUID().replaceAll('-', '')}`;
  const root = keySource(`env:${name}`, { environment: { [name]: generateRootKey() }, home: session.home, directory: session.directory, askPassphrase: () => Promise.reject(new Error('nobody is asked')) });
  const next = (await opened.rewrappedFor([root])).reissued(above);
  return KeyRing.open(next.print(), 'the ring of the drill', [root]);
}

function print({ terminal }: Session, ring: KeyRing, { from, kind }: Recovery, files: readonly OpenedFile[], lacking: readonly string[], configured: boolean): void {
  terminal.line(`drill: ${kind === 'backup' ? from : 'the shares'}: opens, ${counted(ring.keys.length, 'key')} of ${ring.environment}`);
  if (configured) printOpened(files, terminal);
  else terminal.note('there is no lockfast.toml here, so no file was tried: run the drill in the project');
  for (const id of lacking) terminal.warn(`it lacks the key ${id}, which is newer: make a new backup with: lockfast key backup FILE`);
  terminal.line('nothing was written');
}
