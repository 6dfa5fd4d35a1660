import { column } from '@lockfast/columns';
import type { KeySource } from '@lockfast/core';
import { KeyRing, Secret } from '@lockfast/core/keyring';

import type { ContractColumns } from './harness.ts';

/** It wraps nothing: these rings are never kept. */
const SOURCE: KeySource = {
  uri: 'test:',
  wrap: (key) => Promise.resolve(key.use((bytes) => bytes.toString('hex'))),
  unwrap: (wrapped) => Promise.resolve(new Secret(Buffer.from(wrapped, 'hex'))),
};

export function newRing(): Promise<KeyRing> {
  return KeyRing.create('test', [SOURCE]);
}

/** Strict, as in production. Context columns are named as the database names them, and as `lockfast.toml` does. */
export function strictColumns(ring: KeyRing): ContractColumns {
  const context = ['org_id'];
  return {
    signingKey: column(ring, { id: 'organizations.signing_key' }),
    botToken: column(ring, { id: 'connections.bot_token', context }),
    certificate: column(ring, { id: 'connections.certificate', as: 'bytes', storage: 'binary', context }),
    settings: column(ring, { id: 'connections.settings', as: 'json', context }),
    recoveryCode: column(ring, { id: 'connections.recovery_code', format: 'fernet' }),
  };
}

/** While the table is being encrypted. @param told is called with the id of the column, for each read of plaintext */
export function migratingColumns(ring: KeyRing, told: (id: string) => void): ContractColumns {
  const context = ['org_id'];
  const reading = { reading: 'allow-plaintext', onPlaintext: (event: { readonly column: string }) => told(event.column) } as const;
  return {
    signingKey: column(ring, { id: 'organizations.signing_key', ...reading }),
    botToken: column(ring, { id: 'connections.bot_token', context, ...reading }),
    certificate: column(ring, { id: 'connections.certificate', as: 'bytes', storage: 'binary', context, ...reading }),
    settings: column(ring, { id: 'connections.settings', as: 'json', context, ...reading }),
    recoveryCode: column(ring, { id: 'connections.recovery_code', format: 'fernet', ...reading }),
  };
}
