import { dirname, relative } from 'node:path';

import { LockfastError } from '@lockfast/core/errors';
import { ensureDirectory } from '@lockfast/core/files';
import { isFingerprint } from '@lockfast/guard';

import type { Arguments } from '../arguments.ts';
import { personBehind } from '../permission.ts';
import { reasonOf } from '../reason.ts';
import type { Session } from '../session.ts';
import { stateDirectory } from '../workspace.ts';
import { guardPlace } from './guard-place.ts';
import { addIgnored } from './ignore-file.ts';

export async function run(args: Arguments, session: Session): Promise<number> {
  const [fingerprint] = args.operands as [string];
  if (!isFingerprint(fingerprint)) throw new LockfastError('usage', 'guard ignore: a fingerprint has 16 hexadecimal digits', 'take it from what `lockfast guard scan` shows');
  const reason = reasonOf(args);
  if (reason === undefined) throw new LockfastError('usage', 'guard ignore: it takes --reason TEXT', 'say why it is no secret, for whoever reviews it');
  const { workspace, ignoreFile } = guardPlace(args, session);
  const event = { operation: 'guard-ignore', object: ignoreFile, environment: workspace?.configuration.environment, reason, details: { fingerprint } };
  // Hidden findings are for others to see: what can't be recorded does not happen.
  const sink = await workspace?.audit();
  ensureDirectory(dirname(ignoreFile));
  const added = await addIgnored(ignoreFile, { fingerprint, reason, by: personBehind(session).name, date: new Date().toISOString().slice(0, 10) }, stateDirectory(session));
  if (added) await sink?.record({ ...event, outcome: 'success' });
  const shown = relative(session.directory, ignoreFile);
  if (args.flag('json')) session.terminal.json({ ok: true, file: ignoreFile, fingerprint, added });
  else session.terminal.line(added ? `${shown}: ${fingerprint} added; commit it` : `${shown}: ${fingerprint} is there already`);
  return 0;
}
