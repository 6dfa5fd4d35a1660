import { isKeyId } from '@lockfast/core/formats';

import type { Arguments } from '../arguments.ts';
import { confirm } from '../confirm.ts';
import type { Session } from '../session.ts';
import { counted } from '../terminal.ts';
import { convertColumns } from './converting.ts';
import { keyIdIn } from './key-names.ts';

export async function run(args: Arguments, session: Session): Promise<number> {
  return convertColumns(args, session, {
    direction: 'rotate',
    role: 'admin',
    sure: (_, rows) => confirm(args, session, `Encrypt ${counted(rows, 'row')} anew?`),
    next: (converted, ring) => {
      const old = new Set(converted.flatMap(({ others }) => others.map(({ name }) => keyIdIn(name))));
      const draining = ring.keys.filter(({ id, state }) => state === 'draining' && old.has(id));
      const outside = [...old].filter((name) => !isKeyId(name));
      return [
        ...(converted.some(({ report }) => report.plaintext > 0) ? ['Plaintext was left as it is: lockfast column encrypt'] : []),
        ...draining.map(({ id }) => `When no program encrypts with ${id} any more: lockfast key retire ${id}`),
        ...outside.map((name) => `When no program encrypts with ${name} any more, take it out of fernet-keys in lockfast.toml`),
      ];
    },
  });
}
