/** The certificate of a tenant's end: one event of the ledger, which says what is unreadable since, and what is not. */
import { contextText } from '@lockfast/core/formats';
import type { AuditEvent, AuditOutcome } from '@lockfast/core/ports';
import type { LedgerStore } from '@lockfast/ledger';

import { entriesOf, type NumberedEntry } from '../ledger/rows.ts';
import { type ColumnOfTenant, coveredRows, isCovered, whatIndexTells, whatStays } from './tenant-columns.ts';

const CERTIFICATE = 'tenant-certificate';

/** Before the ids of columns among the details. */
export const COVERED = 'covered ';
export const NOT_COVERED = 'not covered ';

/** Operations that have brought plaintext of columns out of the database. */
const HANDED_OUT: ReadonlySet<string> = new Set(['column-export', 'column-decrypt']);
/** More numbers than these are not written down; the ledger has them. */
const MOST_EXPORTS = 20;

export interface Certified {
  readonly tenant: string;
  /** The id of the key that was destroyed. */
  readonly secret: string;
  /** ISO 8601. */
  readonly created: string;
  readonly destroyed: string;
  readonly files: number;
  readonly plaintextFiles: number;
  /** Files that the key took no part in: older copies of them decrypt. */
  readonly neverDerived: number;
  readonly columns: readonly ColumnOfTenant[];
  /** When the last recovery backup was written that has the key, or null. */
  readonly backup: string | null;
  /** Entries of the ledger that say that plaintext of these columns was handed out. */
  readonly exports: readonly number[];
}

export function certificateEvent({ tenant, secret, created, destroyed, files, plaintextFiles, neverDerived, columns, backup, exports }: Certified): Omit<AuditEvent, 'environment'> & AuditOutcome {
  const covered = columns.filter(isCovered).map((one) => [`${COVERED}${one.column.id}`, coveredRows(one) ?? 'rows not counted'] as const);
  const stays = columns.flatMap((one) => {
    const what = whatStays(one);
    return what === undefined ? [] : [[`${NOT_COVERED}${one.column.id}`, what] as const];
  });
  const indexes = columns.filter(isCovered).flatMap((one) => one.indexes.map((id) => [`${NOT_COVERED}${id}`, whatIndexTells(one)] as const));
  return {
    operation: CERTIFICATE,
    object: tenant,
    tenant,
    outcome: 'success',
    details: {
      key: secret,
      created,
      destroyed,
      files,
      plaintextFiles,
      neverDerived,
      ...Object.fromEntries([...covered, ...stays, ...indexes]),
      recoveryBackup: backup ?? 'none',
      exports: exports.length === 0 ? 'none' : `${exports.slice(0, MOST_EXPORTS).join(' ')}${exports.length > MOST_EXPORTS ? ` and ${exports.length - MOST_EXPORTS} more` : ''}`,
    },
  };
}

/** The certificates of a tenant, oldest first, and the entries that say that values of these columns were handed out in plain. */
export async function readCertificates(store: LedgerStore, tenant: string, columns: readonly string[]): Promise<{ readonly certificates: NumberedEntry[]; readonly exports: number[] }> {
  const certificates: NumberedEntry[] = [];
  const exports: number[] = [];
  const open = new Set<number>();
  // A UUID is one in either case.
  const isThis = (of: string | undefined): boolean => of !== undefined && contextText(of) === contextText(tenant);
  for await (const one of entriesOf(store)) {
    const { kind, operation, object, tenant: of, outcome, intent } = one.entry;
    if (operation === CERTIFICATE && isThis(of) && outcome === 'success') certificates.push(one);
    // An export of another tenant is none of this one's; one by a context column may be.
    if (kind === 'intent' && HANDED_OUT.has(operation) && (of === undefined || of === '' || isThis(of)) && object.split(' ').some((id) => columns.includes(id))) open.add(one.seq);
    if (intent === undefined || !open.delete(intent) || outcome === 'refused') continue;
    exports.push(one.seq);
  }
  // One that was killed has an intent and no end, and may have handed out all of it.
  return { certificates, exports: [...exports, ...open].toSorted((a, b) => a - b) };
}
