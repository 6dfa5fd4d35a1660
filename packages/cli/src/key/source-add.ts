import { LockfastError } from '@lockfast/core/errors';
import { type KdfChoice, parseKdf } from '@lockfast/core/keyring';
import { keySource } from '@lockfast/keys';

import type { Arguments } from '../arguments.ts';
import { changeRing } from '../ring-file.ts';
import type { Session } from '../session.ts';
import { counted } from '../terminal.ts';
import { Workspace } from '../workspace.ts';

export async function run(args: Arguments, session: Session): Promise<number> {
  const [uri] = args.operands as [string];
  const workspace = new Workspace(args, session);
  const kdf = chosenKdf(args.text('kdf'));
  const { askNewSecret } = await import('../prompt.ts');
  const around = { ...workspace.surroundings, askPassphrase: askNewSecret, ...(kdf === undefined ? {} : { kdf }) };
  const source = keySource(uri, around);
  const ring = await changeRing(workspace, { operation: 'key-source-add', object: workspace.configuration.keyring, details: { source: uri } }, (old) => old.withSource(source));
  session.terminal.line(`added ${uri}; ${counted(ring.sources.length, 'key source')} now; bring ${workspace.configuration.keyring} to whoever uses it`);
  return 0;
}

function chosenKdf(text: string | undefined): KdfChoice | undefined {
  try {
    return text === undefined ? undefined : parseKdf(text);
  } catch (error) {
    if (!(error instanceof LockfastError)) throw error;
    throw new LockfastError('usage', `key source add: ${error.message}`, 'leave --kdf out, or see: lockfast key source add --help');
  }
}
