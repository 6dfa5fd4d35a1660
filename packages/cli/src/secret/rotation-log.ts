/** `[log] rotations`: one line for each rotation of a credential, beside its record. */
import { type CredentialRotation } from '@lockfast/fleet/credential-rotation';
import { logLine, TextLog } from '@lockfast/ledger';

import type { Session } from '../session.ts';
import type { Workspace } from '../workspace.ts';
import { sizeOf } from './shown-rotation.ts';

/** Makes sure that a line can be written, before there is something to tell. @throws LockfastError `ledger-unavailable` */
export function prepareRotationLog({ configuration: { rotationLog } }: Workspace): void {
  if (rotationLog === undefined) return;
  const log = new TextLog(rotationLog);
  log.prepare();
  log.close();
}

/** The rotation is done and recorded by now: a full disk is said, and is no failure of it. */
export function logRotation(record: CredentialRotation, { configuration: { rotationLog } }: Workspace, { terminal }: Session): void {
  if (rotationLog === undefined) return;
  const log = new TextLog(rotationLog);
  try {
    log.write([rotationLine(record)]);
  } catch {
    terminal.warn(`the log ${rotationLog} was not written; lockfast secret history has the rotation`);
  } finally {
    log.close();
  }
}

/** `2025-10-06 10:15:23 | INFO | SECRET-ROTATE | all | deploy | COMPLETED | OPENAI_API_KEY | 2 files, 12 services, 34.1 s | quarterly`. */
function rotationLine(record: CredentialRotation): string {
  const { ended, started, status, scope, actor, names, reason, orderedBack } = record;
  const level = status === 'completed' || orderedBack !== null ? 'INFO' : status === 'rolled-back' ? 'WARNING' : 'ERROR';
  return logLine(ended ?? started, level, ['SECRET-ROTATE', scope, orderedBack?.actor ?? actor, status.toUpperCase(), names.join(' '), sizeOf(record), orderedBack?.reason ?? reason ?? '']);
}
