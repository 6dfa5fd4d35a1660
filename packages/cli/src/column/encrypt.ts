import type { Arguments } from '../arguments.ts';
import { confirm } from '../confirm.ts';
import type { Session } from '../session.ts';
import { counted } from '../terminal.ts';
import { convertColumns } from './converting.ts';
import { plaintextLeft } from './plaintext-left.ts';

export async function run(args: Arguments, session: Session): Promise<number> {
  return convertColumns(args, session, {
    direction: 'encrypt',
    role: 'operator',
    sure: (_, rows) => confirm(args, session, `Encrypt ${counted(rows, 'row')}?`),
    next: (converted) => plaintextLeft(converted.filter(({ report }) => report.changed > 0)),
  });
}
