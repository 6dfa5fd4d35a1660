import { isUtf8 } from 'node:buffer';

import { FERNET_START } from '../fernet-format.ts';
import { base64Bytes } from '../foreign/base64-bytes.ts';
import { looksLikeCloak, looksLikeRails } from '../foreign/index.ts';
import { LFV1_START } from '../lfv1-format.ts';
import { startOf, type Stored } from '../stored-format.ts';
import type { ColumnDatabase } from './database.ts';
import type { DeclaredColumn } from './declared-column.ts';
import { encryptedIn } from './stored-form.ts';

/** What passes for plaintext, and may be another library's. `base64`: of bytes that are no text, as Lockbox and typeorm-encrypted store them; or somebody's random tokens. */
export type ForeignLook = 'cloak' | 'rails' | 'base64';

const SAMPLE_ROWS = 50;
/** Nonce and tag, or IV and a block: nothing that is encrypted has less. */
const LEAST_SEALED_BYTES = 28;

/**
 * What at least half of the values look like that are in none of our formats, by a few of them: nothing of them is kept. To encrypt these
 * would hide them under a second encryption.
 *
 * @throws LockfastError as `ColumnDatabase.table`
 */
export async function foreignLook(database: ColumnDatabase, declared: DeclaredColumn): Promise<ForeignLook | undefined> {
  const table = await database.table(declared);
  const values = (await table.sample(SAMPLE_ROWS)).flatMap(({ value }) => (value === null ? [] : (encryptedIn(value, table.storage) ?? []))).filter((value) => value.length > 0 && !isOurs(value));
  const looks = values.map((value) => lookOf(value, declared));
  return (['cloak', 'rails', 'base64'] as const).find((look) => looks.length > 0 && 2 * looks.filter((one) => one === look).length >= looks.length);
}

function isOurs(value: Stored): boolean {
  return [LFV1_START, FERNET_START].some((start) => startOf(value, start.length) === start);
}

function lookOf(value: Stored, { as }: DeclaredColumn): ForeignLook | undefined {
  if (looksLikeCloak(value)) return 'cloak';
  if (looksLikeRails(value)) return 'rails';
  // Bytes are base64 in a text column when they are plaintext, too.
  if (typeof value !== 'string' || as === 'bytes') return undefined;
  const bytes = base64Bytes(value);
  return bytes !== undefined && bytes.length >= LEAST_SEALED_BYTES && !isUtf8(bytes) ? 'base64' : undefined;
}
