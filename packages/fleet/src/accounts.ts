/** Accounts of this machine for many questions: each is looked up once. */
import { readFileSync } from 'node:fs';

import { LockfastError } from '@lockfast/core/errors';

import { type Account, accountOf } from './account.ts';

/** Whose a file is. */
export type Owner = Pick<Account, 'name' | 'uid' | 'gid'>;

const LARGEST_ID = 4_294_967_294;

/** Asks once for each: a fleet has a thousand tenants and a few accounts. */
export class Accounts {
  readonly #known = new Map<string, Owner | undefined>();
  #local: string | undefined;

  /** By name or number; undefined where the system knows none. A number without an account is itself, as in containers. */
  named(name: string): Owner | undefined {
    if (!this.#known.has(name)) this.#known.set(name, this.#find(name));
    return this.#known.get(name);
  }

  /** @throws LockfastError `config-invalid` */
  required(name: string): Owner {
    const account = this.named(name);
    if (account === undefined) throw new LockfastError('config-invalid', `this machine has no account ${name}`, 'make it first, for example with useradd --system, or name another one');
    return account;
  }

  /** How people know it. */
  nameOf(uid: number): string {
    return this.named(String(uid))?.name ?? String(uid);
  }

  #find(name: string): Owner | undefined {
    this.#local ??= localAccounts();
    const found = accountIn(this.#local, name) ?? accountOf(name);
    if (found !== undefined || !/^[0-9]{1,10}$/.test(name) || Number(name) > LARGEST_ID) return found;
    return { name, uid: Number(name), gid: Number(name) };
  }
}

function accountIn(database: string, name: string): Owner | undefined {
  const fields = database.split('\n').map((line) => line.split(':'));
  const [found, , uid, gid] = fields.find(([one]) => one === name) ?? fields.find(([, , number]) => number === name) ?? [];
  return found === undefined || !/^[0-9]+$/.test(uid ?? '') || !/^[0-9]+$/.test(gid ?? '') ? undefined : { name: found, uid: Number(uid), gid: Number(gid) };
}

function localAccounts(): string {
  try {
    return readFileSync('/etc/passwd', 'utf8');
  } catch {
    return '';
  }
}
