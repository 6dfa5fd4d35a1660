/**
 * The descriptors above 2 that our parent passed on purpose: systemd's sockets (LISTEN_FDS), `3<file`, zsh's `<(...)`,
 * make's jobserver.
 *
 * Node marks every descriptor from 0 to 15 close-on-exec when it starts, and goes on above 15 up to the first that is
 * closed (`uv_disable_stdio_inheritance`). `process.execve` takes the mark off 0, 1 and 2 alone, and nothing in Node
 * takes it off another. So whatever stands in that range would be lost; a spawned child can be given it again.
 * Descriptors above the range (bash's `<(...)` uses 63) survive by themselves.
 *
 * Node's own descriptors stand in the same range and have to be told apart: Node fills the gaps that the parent left, in
 * rising order, and begins with an event poll. It opens more than the range holds, so files that were opened later
 * stand above it.
 */
import { lstatSync, readlinkSync } from 'node:fs';

const FIRST = 3;
const LAST_MARKED_ACROSS_GAPS = 15;
/** A bound for the search; nobody passes more. */
const LAST = 1023;
const OWN_KINDS = /^anon_inode:\[(?:eventpoll|eventfd|io_uring)\]$/;
/** Left behind by daemon starters and test runners; it is the same nothing for every reader. */
const NOTHING = '/dev/null';
const OWNER_READS = 0o400;

interface Descriptor {
  readonly number: number;
  /** What it is open on, as /proc names it. */
  readonly target: string;
}

/** In rising order. Empty where there is no /proc. */
export function inheritedDescriptors(): number[] {
  const candidates: Descriptor[] = [];
  let firstOwn = Infinity;
  for (let number = FIRST; number <= LAST; number += 1) {
    const target = targetOf(number);
    const own = target !== undefined && OWN_KINDS.test(target);
    if (own) firstOwn = Math.min(firstOwn, number);
    if (number > LAST_MARKED_ACROSS_GAPS && (own || target === undefined)) break;
    if (target !== undefined && !own && target !== NOTHING) candidates.push({ number, target });
  }
  const ownPipes = pipesOfNode(candidates.filter(({ number, target }) => number > firstOwn && target.startsWith('pipe:')));
  return candidates.filter(({ target }) => !ownPipes.has(target)).map(({ number }) => number);
}

/**
 * Node holds both ends of its pipes, the reading one below the writing one. A program holds one end of a shell's pipe,
 * or the same end twice.
 */
function pipesOfNode(pipes: readonly Descriptor[]): ReadonlySet<string> {
  const own = new Set<string>();
  for (const { number, target } of pipes) {
    if (own.has(target)) continue;
    const other = pipes.find((one) => one.target === target && one.number > number)?.number ?? endAboveRange(target);
    if (other !== undefined && !reads(other)) own.add(target);
  }
  return own;
}

function endAboveRange(target: string): number | undefined {
  for (let number = LAST_MARKED_ACROSS_GAPS + 1; number <= LAST; number += 1) {
    const other = targetOf(number);
    if (other === undefined) return undefined;
    if (other === target) return number;
  }
  return undefined;
}

/** The permission bits of the link in /proc say how the descriptor was opened. */
function reads(descriptor: number): boolean {
  return (lstatSync(`/proc/self/fd/${descriptor}`).mode & OWNER_READS) !== 0;
}

function targetOf(descriptor: number): string | undefined {
  try {
    return readlinkSync(`/proc/self/fd/${descriptor}`);
  } catch {
    return undefined;
  }
}
