import { LockfastError } from '@lockfast/core/errors';

import { EXIT_STATUS } from './exit-status.ts';
import type { Terminal } from './terminal.ts';

/**
 * Says what went wrong, in one line or as JSON, and gives the exit status. A defect gets the same treatment: its own
 * text may hold anything, a secret too, so only its kind and the place in our code are shown.
 */
export function reportFailure(error: unknown, terminal: Terminal, json: boolean): number {
  const failure = error instanceof LockfastError ? error : defect(error);
  const { code, message, hint } = failure;
  if (json) terminal.json({ error: { code, message, hint } });
  terminal.note(hint === '' ? message : `${message}: ${hint}`);
  return EXIT_STATUS[code];
}

function defect(error: unknown): LockfastError {
  const kind = error instanceof Error ? error.constructor.name : typeof error;
  const system = (error as NodeJS.ErrnoException | null)?.code;
  const frame = error instanceof Error ? /\(?([^\s(]*lockfast[^\s)]*:\d+:\d+)\)?/.exec(error.stack?.split('\n').slice(1).join('\n') ?? '')?.[1] : undefined;
  const place = frame?.replace(/^.*\/(?=[^/]*$)/, '') ?? 'an unknown place';
  return new LockfastError(
    'internal',
    `a defect in Lockfast: ${kind}${typeof system === 'string' && /^[A-Z_0-9]+$/.test(system) ? ` ${system}` : ''} at ${place}`,
    'please report it with the command that you ran; nothing was shown of your data',
  );
}
