import { LockfastError } from '@lockfast/core/errors';
import type { FernetKey } from '@lockfast/core/keyring';

import { isColumnId } from './column-id.ts';
import type { ColumnEvent } from './events.ts';
import type { FormatName, Storage } from './stored-format.ts';
import type { TenantKey } from './tenant-format.ts';
import { unknownMember } from './unknown-member.ts';
import type { ValueTypeName } from './value-type.ts';

/**
 * How one column is encrypted. It belongs into the code beside the model, and the same facts into `[[columns]]` of
 * lockfast.toml, for jobs.
 */
export type ColumnDefinition<As extends ValueTypeName = 'text'> = {
  /**
   * The column's own stable name, such as `integrations.slack.bot_token`: lower case, digits, underscores, dots; at most 128.
   * Values are bound to it, so that a table or column can be renamed, and this can not.
   */
  readonly id: string;
  /** What is written. `lfv1` without it. */
  readonly format?: FormatName;
  /** `text` without it. */
  readonly as?: As;
  /** The names of the columns of the same row that a value is bound to, in this order for ever: `['org_id']`. */
  readonly context?: readonly string[];
  /**
   * `own`: a value is encrypted with the key of its row's tenant, too, which `lockfast tenant shred` destroys. `shared`, and
   * that is what counts without it: with the data key alone.
   */
  readonly tenantKey?: TenantKey;
  /** The context column that says whose a row is: `org_id`. Needed for `own`; for `shared`, where a table comes back from `own`. */
  readonly tenant?: string;
  /** `text` without it. */
  readonly storage?: Storage;
  /** Whether values of the other format, and under the other one of {@link tenantKey}, are read, too, while a table changes from one to the other. */
  readonly migrating?: boolean;
  /** Milliseconds; older values are refused with `too-old`. */
  readonly maxAge?: number;
  /** For Fernet: the first one encrypts, all decrypt. Those of the ring without it. */
  readonly fernetKeys?: readonly FernetKey[];
} & Reading;

type Reading =
  | {
      /** `strict`, and that is what counts without it: what is not encrypted is an error. */
      readonly reading?: 'strict';
    }
  | {
      /** While a table is being encrypted: what is not encrypted is handed out as it is, counted, and reported each time. */
      readonly reading: 'allow-plaintext';
      /** Is told of each such read, so that nobody forgets that it is allowed. */
      readonly onPlaintext: (event: ColumnEvent) => void;
    };

/** A record, so that the compiler misses whichever is left out. */
const MEMBERS: Readonly<Record<keyof ColumnDefinition<ValueTypeName> | 'onPlaintext', true>> = {
  id: true,
  format: true,
  as: true,
  context: true,
  tenantKey: true,
  tenant: true,
  storage: true,
  migrating: true,
  maxAge: true,
  fernetKeys: true,
  reading: true,
  onPlaintext: true,
};

/** @throws LockfastError `usage`: a mistake in the program, found at its start */
export function checkDefinition(definition: ColumnDefinition<ValueTypeName>): void {
  const { id, format = 'lfv1', as = 'text', context = [], storage = 'text', reading = 'strict', migrating = false, maxAge } = definition;
  if (!isColumnId(id)) throw invalid('a column', 'its id is not usable', "use lower case letters, digits, underscores and dots, for example 'tenants.api_key'");
  // Where no compiler looks, a misspelt `context` would bind nothing, for ever.
  const unknown = unknownMember(definition, MEMBERS);
  if (unknown !== undefined) throw invalid(id, `${unknown} is no part of a definition`, `use ${Object.keys(MEMBERS).join(', ')}`);
  if (typeof migrating !== 'boolean') throw invalid(id, 'migrating is neither true nor false', 'use true while rows change from one format to the other');
  if (!['lfv1', 'fernet'].includes(format)) throw invalid(id, 'there is no such format', "use 'lfv1' or 'fernet'");
  if (!['text', 'bytes', 'json'].includes(as)) throw invalid(id, 'there is no such type', "use as: 'text', 'bytes' or 'json'");
  if (!['text', 'binary'].includes(storage)) throw invalid(id, 'there is no such storage', "use storage: 'text' or 'binary'");
  // A text has a length and members, too.
  if (!Array.isArray(context) || new Set(context).size !== context.length || context.some((name) => typeof name !== 'string' || name === '')) {
    throw invalid(id, 'its context names a column twice, or one without a name', 'name each context column once');
  }
  // While it migrates, the context is for reading what is lfv1 still.
  if (format === 'fernet' && context.length > 0 && !migrating) {
    throw invalid(id, 'a Fernet token can not be bound to a context', "use format: 'lfv1', or leave the context out and know that a token can be moved between rows");
  }
  checkTenant(definition);
  if (!['strict', 'allow-plaintext'].includes(reading)) throw invalid(id, 'there is no such reading mode', "use 'strict' or 'allow-plaintext'");
  if (definition.reading === 'allow-plaintext' && typeof definition.onPlaintext !== 'function') {
    throw invalid(id, 'it allows plaintext, and nobody is told', 'give onPlaintext, which is told of each such read');
  }
  if (maxAge !== undefined && !(typeof maxAge === 'number' && maxAge > 0)) throw invalid(id, 'the maximum age is not a number of milliseconds', 'use for example 90 * 24 * 3600 * 1000');
}

function checkTenant({ id, format = 'lfv1', context = [], tenantKey = 'shared', tenant }: ColumnDefinition<ValueTypeName>): void {
  if (!['shared', 'own'].includes(tenantKey)) throw invalid(id, 'there is no such tenantKey', "use 'shared' or 'own'");
  if (tenantKey === 'own' && tenant === undefined) throw invalid(id, 'its values are under keys of tenants, and no column says whose a row is', "name the context column that does: tenant: 'org_id'");
  if (tenant !== undefined && !context.includes(tenant)) throw invalid(id, 'the column of its tenant is not among its context', "name it in both: context: ['org_id'], tenant: 'org_id'");
  if (tenantKey === 'own' && format === 'fernet') throw invalid(id, "a Fernet token can not be under a tenant's own key", "use format: 'lfv1'");
}

function invalid(id: string, what: string, hint: string): LockfastError {
  return new LockfastError('usage', `${id}: ${what}`, hint);
}
