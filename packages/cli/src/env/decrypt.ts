import { decryptFile, ENCRYPTED_SUFFIX, plaintextOf, readEnvFile, USUAL_FILE } from '@lockfast/core/env';
import { LockfastError } from '@lockfast/core/errors';
import { shownPath } from '@lockfast/core/files';

import type { Arguments } from '../arguments.ts';
import type { Session } from '../session.ts';
import { Workspace } from '../workspace.ts';

export async function run(args: Arguments, session: Session): Promise<number> {
  const workspace = new Workspace(args, session);
  const tenant = args.text('tenant');
  const source = args.operands[0] ?? workspace.usualEncryptedFile(tenant);
  if (args.text('out') === '-') {
    session.terminal.raw(plaintextOf(await workspace.decrypting(source, tenant, (scope) => readEnvFile(source, scope))));
    return 0;
  }
  const target = args.text('out') ?? withoutSuffix(source);
  await workspace.decrypting(source, tenant, (scope) => decryptFile(source, target, scope, { force: args.flag('force') }));
  session.terminal.line(`${shownPath(target)}: plaintext of ${shownPath(source)}; encrypt it again with: lockfast env encrypt${target === USUAL_FILE ? '' : ` ${shownPath(target)}`}`);
  return 0;
}

function withoutSuffix(source: string): string {
  if (source.endsWith(ENCRYPTED_SUFFIX) && source.length > ENCRYPTED_SUFFIX.length) return source.slice(0, -ENCRYPTED_SUFFIX.length);
  throw new LockfastError('usage', `env decrypt: the name of the file does not end in ${ENCRYPTED_SUFFIX}`, 'say where the plaintext goes with --out');
}
