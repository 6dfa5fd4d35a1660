import { column, type ColumnEvent } from '@lockfast/columns';
import type { KeyRing } from '@lockfast/core/keyring';

import type { ContractColumns } from './harness.ts';

type Reading = { readonly reading?: 'strict' } | { readonly reading: 'allow-plaintext'; readonly onPlaintext: (event: ColumnEvent) => void };

/** Strict, as in production. */
export function strictColumns(ring: KeyRing): ContractColumns {
  return contractColumns(ring, {});
}

/** While the table is being encrypted. @param told is called with the id of the column, for each read of plaintext */
export function migratingColumns(ring: KeyRing, told: (id: string) => void): ContractColumns {
  return contractColumns(ring, { reading: 'allow-plaintext', onPlaintext: (event) => told(event.column) });
}

/** Context columns are named as the database names them, and as `lockfast.toml` does. */
function contractColumns(ring: KeyRing, reading: Reading): ContractColumns {
  const context = ['org_id'];
  return {
    signingKey: column(ring, { id: 'organizations.signing_key', ...reading }),
    botToken: column(ring, { id: 'connections.bot_token', context, ...reading }),
    certificate: column(ring, { id: 'connections.certificate', as: 'bytes', storage: 'binary', context, ...reading }),
    settings: column(ring, { id: 'connections.settings', as: 'json', context, ...reading }),
    recoveryCode: column(ring, { id: 'connections.recovery_code', format: 'fernet', ...reading }),
  };
}
