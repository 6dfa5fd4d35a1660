import { LockfastError } from '@lockfast/core/errors';

import type { Arguments } from '../arguments.ts';
import { confirmByName } from '../confirm.ts';
import type { Session } from '../session.ts';
import { counted } from '../terminal.ts';
import { convertColumns } from './converting.ts';

export async function run(args: Arguments, session: Session): Promise<number> {
  if (!args.flag('to-plaintext')) {
    throw new LockfastError('usage', 'column decrypt: --to-plaintext is missing', 'it writes the values back as plaintext, for whoever reads the database; if that is meant, give it');
  }
  return convertColumns(args, session, {
    direction: 'decrypt',
    role: 'admin',
    sure: (columns, rows) => confirmByName(args, session, `write ${counted(rows, 'value')} of ${columns.map(({ id }) => id).join(', ')} back as plaintext`, 'plaintext'),
    next: () => ['Next: take the columns out of the application, and remove their [[columns]] from lockfast.toml'],
  });
}
