import { resolve } from 'node:path';

import { audited } from '@lockfast/core/audited';
import { LockfastError } from '@lockfast/core/errors';
import { identityOf, withFileLock, writeDurably } from '@lockfast/core/files';
import { fernetFingerprint, fernetKeyText, type KeyId } from '@lockfast/core/formats';
import { type FernetKey, type KeyRing, ringFernetKeys } from '@lockfast/core/keyring';

import { requireApproval } from '../approvals.ts';
import type { Arguments } from '../arguments.ts';
import { confirm } from '../confirm.ts';
import { requireRole } from '../permission.ts';
import { requiredReason } from '../reason.ts';
import type { Session } from '../session.ts';
import { counted } from '../terminal.ts';
import { Workspace } from '../workspace.ts';
import { keyOperand } from './operand.ts';
import { warnOfGit } from './warn-of-git.ts';

const MODE = 0o600;

/** Only what is derived from a data key leaves the ring, never the data key: with it `lfv1` values and files stay closed. */
export async function run(args: Arguments, session: Session): Promise<number> {
  if (args.text('format') === undefined) throw new LockfastError('usage', 'key export: --format is missing', 'say --format fernet');
  const reason = requiredReason(args, session.command);
  const id = args.operands.length === 0 ? undefined : keyOperand(args);
  const all = args.flag('all');
  if (all && id !== undefined) throw new LockfastError('usage', 'key export: ID and --all exclude each other', 'give one of them');
  const out = args.text('out');
  const path = out === undefined ? undefined : resolve(session.directory, out);
  const workspace = new Workspace(args, session);
  const { environment, keyring } = workspace.configuration;
  const details = { format: 'fernet', all, out: path ?? 'standard output' };
  const event = { operation: 'key-export', object: id ?? keyring, keyId: id, environment, reason, details };
  await requireRole(workspace, session, 'admin', event);
  refuseExisting(path);
  confirm(args, session, `Hand out ${id === undefined ? (all ? 'all Fernet keys that decrypt' : "the active key's Fernet key") : `the Fernet key of ${id}`}?`);
  const handOut = async (): Promise<readonly FernetKey[]> => {
    const ring = await workspace.ring();
    const keys = chosen(ring, id, all);
    // Last: nobody is asked to approve what can't be done anyway.
    await requireApproval(workspace, session, ring, event);
    const text = keys.map(({ key }) => `${fernetKeyText(key)}\n`).join('');
    if (path === undefined) session.terminal.raw(text);
    else await writeKeys(path, text, workspace);
    return keys;
  };
  const keys = await audited(await workspace.audit(), event, handOut, (done) => ({ keyId: done[0]!.keyId, details: { keys: done.map(({ keyId }) => keyId).join(' ') } }));
  const ring = await workspace.ring();
  await workspace.signKeyChange(ring);
  report(session, ring, keys, path);
  return 0;
}

/** @throws LockfastError `no-such-key`, `key-not-usable`, `missing-key` without an active one */
function chosen(ring: KeyRing, id: KeyId | undefined, all: boolean): readonly FernetKey[] {
  if (id !== undefined && ring.keys.every((key) => key.id !== id)) throw new LockfastError('no-such-key', 'the key ring has no key of this id', 'see `lockfast key list`');
  // Refused where it is retired or destroyed.
  if (id !== undefined) ring.decrypting(id);
  const keys = ringFernetKeys(ring);
  if (all) return keys;
  return keys.filter(({ keyId }) => keyId === (id ?? ring.active().id));
}

function refuseExisting(path: string | undefined): void {
  if (path === undefined || identityOf(path) === undefined) return;
  throw new LockfastError('exists', `${path} exists already, and was left alone`, 'name another file, or remove it');
}

async function writeKeys(path: string, text: string, { stateDirectory }: Workspace): Promise<void> {
  await withFileLock(stateDirectory, path, () => {
    refuseExisting(path);
    writeDurably({ path, bytes: Buffer.from(text), mode: MODE, expected: 'absent' });
  });
}

/** To standard error: standard output may be the keys. */
function report(session: Session, ring: KeyRing, keys: readonly FernetKey[], path: string | undefined): void {
  const { terminal } = session;
  for (const { key, keyId } of keys) {
    const { state, compromised } = ring.keys.find(({ id }) => id === keyId)!;
    terminal.note(`${keyId}: ${state}, its Fernet key ${fernetFingerprint(key).slice(0, 23)}...`);
    if (compromised !== null) terminal.warn(`the key ${keyId} is marked as compromised: rotate with \`lockfast key rotate\`, then export again`);
  }
  if (path === undefined) return;
  warnOfGit(session, path, 'a key that is committed is in the hands of whoever clones');
  terminal.line(`${path}: ${counted(keys.length, 'Fernet key')}; bring it where it belongs, then remove it here`);
}
