/**
 * Hands the signals that we get to the child that we had to spawn. (A child that we became gets them itself.)
 *
 * The child stays in our process group and session. A group of its own would keep Ctrl-C from coming twice, but then
 * nobody who kills our group (a CI runner's SIGKILL, `kill -- -PGID`) would reach it, and it would not be in the
 * terminal's foreground. Instead, INT and QUIT are kept back while the terminal gives them to the whole group: that is,
 * while our group is the foreground group of our terminal. In the background, or without a terminal, they can only
 * have come from a process that meant us, and are handed on.
 *
 * What can't be told: `kill -INT` of this process alone while it is in the foreground looks like Ctrl-C.
 */
import { readFileSync } from 'node:fs';

const FORWARDED = ['SIGTERM', 'SIGINT', 'SIGHUP', 'SIGQUIT', 'SIGUSR1', 'SIGUSR2', 'SIGWINCH', 'SIGCONT'] as const;
const SENT_BY_TERMINAL: ReadonlySet<NodeJS.Signals> = new Set<NodeJS.Signals>(['SIGINT', 'SIGQUIT']);

/**
 * Call it before the child is spawned, so that no signal ends us in between; what comes early is delivered as soon as
 * the event loop turns, when `send` can reach the child.
 *
 * @returns stops forwarding; signals then do what they did before
 */
export function forwardSignals(send: (signal: NodeJS.Signals) => void): () => void {
  const forward = (signal: NodeJS.Signals): void => {
    if (!SENT_BY_TERMINAL.has(signal) || !isInForeground()) send(signal);
  };
  for (const signal of FORWARDED) process.on(signal, forward);
  return () => {
    for (const signal of FORWARDED) process.off(signal, forward);
  };
}

/** Whether our process group is the foreground group of a terminal that controls us. */
export function isInForeground(): boolean {
  try {
    // pid (name) state ppid pgrp session tty tpgid ...; the name may hold anything, so from the last parenthesis
    const stat = readFileSync('/proc/self/stat', 'latin1');
    const [, , group, , terminal, foreground] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return terminal !== '0' && group === foreground;
  } catch {
    // no /proc: where one of the streams is a terminal, it most likely controls us
    return process.stdin.isTTY === true || process.stderr.isTTY === true;
  }
}
