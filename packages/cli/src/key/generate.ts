import { LockfastError } from '@lockfast/core/errors';
import { generateFernetKey } from '@lockfast/core/formats';
import { generateRootKey } from '@lockfast/core/keyring';

import type { Arguments } from '../arguments.ts';
import type { Session } from '../session.ts';

export async function run(args: Arguments, { terminal }: Session): Promise<number> {
  const format = args.text('format');
  if (format === undefined) throw new LockfastError('usage', 'key generate: --format is missing', 'say --format fernet or --format root');
  terminal.line(format === 'fernet' ? generateFernetKey() : generateRootKey());
  return 0;
}
