import { LockfastError } from '@lockfast/core/errors';

import { PATIENCE_MS } from './channel.ts';

/** Whoever redirects is not who was configured. @throws LockfastError `tool-failed`, which names no URL: it may hold a token */
export async function post(name: string, url: string, body: string, headers: Readonly<Record<string, string>>): Promise<void> {
  let status: number;
  try {
    const response = await fetch(url, { method: 'POST', body, headers: { 'content-type': 'application/json', 'user-agent': 'lockfast', ...headers }, redirect: 'error', signal: AbortSignal.timeout(PATIENCE_MS) });
    ({ status } = response);
    await response.body?.cancel();
  } catch {
    throw new LockfastError('tool-failed', `the channel ${name} can not be reached`, 'check its URL, and whether this machine gets there; it is tried again');
  }
  if (status < 200 || status > 299) throw new LockfastError('tool-failed', `the channel ${name} answered ${status}`, 'check its URL and secret; it is tried again');
}
