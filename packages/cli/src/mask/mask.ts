import { isatty } from 'node:tty';

import { Masker } from '@lockfast/core/mask';

import type { Arguments } from '../arguments.ts';
import { dieOf } from '../child/spawned-child.ts';
import { openedVariables } from '../opened-variables.ts';
import type { Session } from '../session.ts';
import { Workspace } from '../workspace.ts';
import { piecesOf, writeTo } from './descriptors.ts';
import { maskThrough } from './mask-through.ts';
import { openMasker, refuseTerminal, secretsOf } from './open-masker.ts';

export async function run(args: Arguments, session: Session): Promise<number> {
  const listing = args.flag('names');
  if (!listing) refuseTerminal(isatty(0));
  const workspace = new Workspace(args, session);
  const values = await openedVariables(args, workspace, session, () => false);
  const { mask } = workspace.configuration;
  if (listing) return list(new Map(secretsOf(values, session.environment, mask)), values, args, session);
  const masker = openMasker(values, session.environment, mask, session);
  const read = await maskThrough(piecesOf(0), masker.stream(), (bytes) => writeTo(1, bytes));
  // Whoever read it has gone: a filter ends by that.
  return read ? 0 : dieOf('SIGPIPE');
}

function list(secrets: ReadonlyMap<string, string>, values: ReadonlyMap<string, string | null>, args: Arguments, { terminal }: Session): number {
  const reasons = new Map(new Masker(secrets).notMasked.map(({ name, reason }) => [name, reason]));
  const variables = [...new Set([...values.keys(), ...secrets.keys()])].map((name): Listed => {
    const value = secrets.get(name);
    const reason = value === undefined ? 'excepted' : value.trim() === '' ? 'empty' : reasons.get(name);
    return reason === undefined ? { name, masked: true } : { name, masked: false, reason };
  });
  if (args.flag('json')) terminal.json({ variables });
  else terminal.table(['VARIABLE', 'MASKED'], variables.map(({ name, reason }) => [name, reason === undefined ? 'yes' : `no: ${REASONS[reason]}`]));
  return 0;
}

interface Listed {
  readonly name: string;
  readonly masked: boolean;
  readonly reason?: keyof typeof REASONS;
}

const REASONS = {
  short: 'under 6 bytes',
  common: 'a common word',
  number: 'a number of under 8 digits',
  name: 'the name of a variable',
  asterisks: 'asterisks alone',
  empty: 'empty',
  excepted: 'excepted, or without a value',
} as const;
