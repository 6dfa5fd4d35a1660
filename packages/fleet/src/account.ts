/** Accounts of this machine, wherever it knows them from. */
import { execFileSync } from 'node:child_process';

export interface Account {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
  readonly home: string;
}

/** By name, or by number as text; undefined where there is none. */
export function accountOf(name: string): Account | undefined {
  try {
    const line = execFileSync('getent', ['passwd', '--', name], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'], env: { PATH: '/usr/bin:/bin' } });
    const [account, , uid, gid, , home] = line.trim().split(':');
    return { name: account!, uid: Number(uid), gid: Number(gid), home: home ?? '/' };
  } catch {
    return undefined;
  }
}
