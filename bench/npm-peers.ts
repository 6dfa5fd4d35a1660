/** The npm packages that encrypt a text to a text, each as its own README uses it. */
import type * as Cloak from '@47ng/cloak';

import type { Contender } from './table.ts';

export interface Peer {
  readonly name: Contender;
  /** Slow ones take fewer values a round; what counts is the time for one. */
  readonly values: number;
  encrypt(text: string): string;
  decrypt(token: string): string;
}

/** fernet has no types of its own. */
interface FernetModule {
  readonly Secret: new (key: string) => object;
  readonly Token: new (options: { secret: object; token?: string; ttl?: number }) => { encode(text: string): string; decode(): string };
}

/** Those that are installed. */
export async function npmPeers(fernetKey: string): Promise<Peer[]> {
  const found = await Promise.all([cloak(), npmFernet(fernetKey)]);
  return found.filter((peer) => peer !== undefined);
}

async function cloak(): Promise<Peer | undefined> {
  const module = await installed<typeof Cloak>('@47ng/cloak');
  if (module === undefined) return undefined;
  const key = module.parseKeySync(module.generateKey());
  return {
    name: 'cloak',
    values: 250,
    encrypt: (text) => module.encryptStringSync(text, key),
    decrypt: (token) => module.decryptStringSync(token, key),
  };
}

async function npmFernet(fernetKey: string): Promise<Peer | undefined> {
  const module = await installed<FernetModule>('fernet');
  if (module === undefined) return undefined;
  const secret = new module.Secret(fernetKey);
  return {
    name: 'npm fernet',
    values: 50,
    encrypt: (text) => new module.Token({ secret }).encode(text),
    decrypt: (token) => new module.Token({ secret, token, ttl: 0 }).decode(),
  };
}

/** Both are CommonJS. */
async function installed<T>(name: string): Promise<T | undefined> {
  try {
    return ((await import(name)) as { default: T }).default;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ERR_MODULE_NOT_FOUND') return undefined;
    throw error;
  }
}
