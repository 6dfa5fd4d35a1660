/**
 * The processes of a service, and whether they hold an older value of a variable. A value is compared under a random key
 * that lives as long as the comparison: neither it nor its hash is kept or shown.
 */
import { createHmac, randomBytes } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

export interface HeldValue {
  readonly pid: number;
  /** When it started, milliseconds since the Unix epoch. */
  readonly started: number;
  /** Of the variable in its environment: the present value, another one, none, or nobody may look. */
  readonly value: 'present' | 'other' | 'absent' | 'unreadable';
  /** Whether it holds an older value: another one, or where there is nothing to compare, it started before the value was written. */
  readonly older: boolean;
}

export interface Variable {
  readonly name: string;
  readonly value: string;
  /** When it was written, milliseconds since the Unix epoch. */
  readonly written: number;
}

/** Of Linux on every architecture that Node runs on: USER_HZ, which /proc counts in. */
const TICKS_A_SECOND = 100;
const CGROUPS = '/sys/fs/cgroup';

/** @param pids those that ended meanwhile are left out */
export function heldValues({ name, value, written }: Variable, pids: readonly number[]): HeldValue[] {
  const key = randomBytes(32);
  const hash = (bytes: Uint8Array | string): Buffer => createHmac('sha256', key).update(bytes).digest();
  const present = hash(value);
  const boot = bootTime();
  const held = pids.flatMap((pid): HeldValue[] => {
    const started = startOf(pid, boot);
    if (started === undefined) return [];
    const found = valueIn(pid, name);
    const state = found === undefined || found === 'unreadable' ? (found ?? 'absent') : hash(found).equals(present) ? 'present' : 'other';
    if (typeof found === 'object') found.fill(0);
    return [{ pid, started, value: state, older: state === 'other' || (state !== 'present' && started < written) }];
  });
  key.fill(0);
  return held;
}

/** The main process and everything in its control group. */
export function processesOf(mainPid: number): number[] {
  if (mainPid <= 0) return [];
  const group = controlGroup(mainPid);
  return [...new Set([mainPid, ...(group === undefined ? [] : processesIn(group))])].toSorted((a, b) => a - b);
}

function controlGroup(pid: number): string | undefined {
  try {
    const path = /^0::(\/.*)$/m.exec(readFileSync(`/proc/${pid}/cgroup`, 'utf8'))?.[1];
    // The root of all, as where there are no control groups, is nobody's.
    return path === undefined || path === '/' || path.includes('..') ? undefined : join(CGROUPS, path);
  } catch {
    return undefined;
  }
}

function processesIn(group: string): number[] {
  try {
    const own = readFileSync(join(group, 'cgroup.procs'), 'utf8').split('\n').map(Number).filter((pid) => pid > 0);
    const below = readdirSync(group, { withFileTypes: true }).filter((entry) => entry.isDirectory());
    return [...own, ...below.flatMap(({ name }) => processesIn(join(group, name)))];
  } catch {
    return [];
  }
}

/** proc(5): the second field, a name in parentheses, may hold anything. */
function startOf(pid: number, boot: number): number | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    const ticks = Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19]);
    return boot + (ticks * 1000) / TICKS_A_SECOND;
  } catch {
    return undefined;
  }
}

function bootTime(): number {
  return Number(/^btime (\d+)$/m.exec(readFileSync('/proc/stat', 'latin1'))?.[1] ?? 0) * 1000;
}

function valueIn(pid: number, name: string): Buffer | 'unreadable' | undefined {
  let bytes: Buffer;
  try {
    bytes = readFileSync(`/proc/${pid}/environ`);
  } catch {
    return 'unreadable';
  }
  const wanted = Buffer.from(`${name}=`);
  try {
    for (let at = 0; at < bytes.length; ) {
      const zero = bytes.indexOf(0, at);
      const end = zero === -1 ? bytes.length : zero;
      if (bytes.subarray(at, at + wanted.length).equals(wanted)) return Buffer.from(bytes.subarray(at + wanted.length, end));
      at = end + 1;
    }
    return undefined;
  } finally {
    bytes.fill(0);
  }
}
