/** A change to a table takes it for a moment. While it waits for that, everybody who comes later waits, too: so not for long, and again. */
import { setTimeout as sleep } from 'node:timers/promises';

/** For all changes that belong together. */
export const CHANGE_MS = 60_000;
const FIRST_PAUSE_MS = 200;
const LONGEST_PAUSE_MS = 3_000;

/**
 * @param attempt waits for the table only briefly
 * @param isHeld whether it failed since others hold the table
 * @param deadline of `performance.now()`
 * @throws what the last attempt threw
 */
export async function changeTable(attempt: () => Promise<void>, isHeld: (error: unknown) => boolean, deadline: number): Promise<void> {
  for (let pause = FIRST_PAUSE_MS; ; pause = Math.min(LONGEST_PAUSE_MS, 2 * pause)) {
    try {
      await attempt();
      return;
    } catch (error) {
      if (!isHeld(error) || performance.now() + pause > deadline) throw error;
      await sleep(pause);
    }
  }
}
