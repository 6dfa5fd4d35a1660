import { LockfastError } from '@lockfast/core/errors';

import { EXIT_STATUS } from './exit-status.ts';
import type { Terminal } from './terminal.ts';

/**
 * Says what went wrong, in one line or as JSON, and gives the exit status. A defect gets the same treatment: its own
 * text may hold anything, a secret too, so only its kind and the place in our code are shown.
 */
export async function reportFailure(error: unknown, terminal: Terminal, json: boolean): Promise<number> {
  const failure = error instanceof LockfastError ? error : defect(error);
  const { code } = failure;
  const { message, hint } = await withoutSecrets(failure, terminal);
  if (json) {
    try {
      terminal.json({ error: { code, message, hint } });
    } catch (unwritten) {
      // Standard output may be what failed: the line below and the exit status say so.
      if (!(unwritten instanceof LockfastError)) throw unwritten;
    }
  }
  terminal.note(hint === '' ? message : `${message}: ${hint}`);
  return EXIT_STATUS[code];
}

/** No message quotes a secret. Should one do so after all, it is masked: a last net, for what was opened by then. */
async function withoutSecrets(failure: LockfastError, { opened }: Terminal): Promise<Pick<LockfastError, 'message' | 'hint'>> {
  if (opened.length === 0) return failure;
  const { maskedFailure } = await import('./mask/masked-failure.ts');
  return maskedFailure(failure, opened);
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
