/** Who runs this command, as the operating system tells it. */
import { readFileSync } from 'node:fs';
import { hostname } from 'node:os';

import { accountName } from '@lockfast/keys';
import type { Actor } from '@lockfast/ledger';

import type { Session } from './session.ts';

/** What the kernel writes for a process that nobody logged in for. */
const NO_LOGIN = 4_294_967_295;

export function currentActor({ environment, command }: Pick<Session, 'environment' | 'command'>): Actor {
  const uid = process.getuid?.() ?? -1;
  const sudo = behindSudo(uid, environment);
  const login = loginUid();
  return { user: accountName(), uid, ...(sudo === undefined ? {} : { sudo }), ...(login === undefined ? {} : { login }), host: hostname(), pid: process.pid, program: `lockfast ${command}` };
}

/** The user id that logged in, which survives `su` and `sudo`; undefined for services and in containers. */
export function loginUid(): number | undefined {
  try {
    const uid = Number(readFileSync('/proc/self/loginuid', 'latin1'));
    return Number.isSafeInteger(uid) && uid !== NO_LOGIN ? uid : undefined;
  } catch {
    return undefined;
  }
}

/** SUDO_USER says something only where sudo could have set it: anybody can set it for a process of their own. */
function behindSudo(uid: number, environment: Session['environment']): string | undefined {
  const name = environment['SUDO_USER'];
  return uid === 0 && name !== undefined && /^[a-z_][a-z0-9_.-]{0,31}\$?$/i.test(name) ? name : undefined;
}
