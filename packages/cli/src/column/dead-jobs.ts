import type { Workspace } from '../workspace.ts';

const JOBS: ReadonlySet<string> = new Set(['column-encrypt', 'column-rotate', 'column-decrypt', 'column-clear', 'column-index-build', 'column-fence', 'column-unfence']);

/**
 * Tells the ledger of jobs that were killed: what they were at nobody can tell any more, that they are dead, we can. Call it
 * while this process holds the lock of the column, or of the index, and no job of its own is open.
 *
 * @throws LockfastError as `Ledger.openIntents` and `Ledger.conclude`
 */
export async function closeDeadJobs({ id }: { readonly id: string }, workspace: Workspace): Promise<void> {
  const ledger = await workspace.ledger();
  if (ledger === undefined) return;
  const left = (await ledger.openIntents()).filter(({ entry: { operation, object } }) => JOBS.has(operation) && object === id);
  await ledger.conclude(left.map(({ intent }) => ({ intent, outcome: 'interrupted' })));
}
