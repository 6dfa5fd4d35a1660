import { LockfastError } from '@lockfast/core/errors';
import { shownPath } from '@lockfast/core/files';
import { isTenantName } from '@lockfast/core/keyring';

import type { Arguments } from '../arguments.ts';
import { tenantKeysAt } from '../key/lacking-keys.ts';
import { nameIn, type NumberedEntry } from '../ledger/rows.ts';
import { openStore } from '../ledger/store.ts';
import { requireRole } from '../permission.ts';
import type { Session } from '../session.ts';
import { counted, shownMinute } from '../terminal.ts';
import { Workspace } from '../workspace.ts';
import { COVERED, NOT_COVERED, readCertificates } from './certificate-entry.ts';

/** What nobody can count, and each certificate leaves open. */
const NEVER_COVERED = [
  'copies of the key ring from before, with a root key that opens them',
  'recovery backups from before',
  'copies of files, and of the database, from before their values were under this key: they decrypt as long as their data key lives, or are plaintext',
  'what programs, logs and people have in plain',
] as const;

/** Prints what `tenant shred` has put on record. */
export async function run(args: Arguments, session: Session): Promise<number> {
  const [tenant] = args.operands as [string];
  if (!isTenantName(tenant)) throw new LockfastError('usage', 'tenant certificate: that is no tenant name', 'use a name of 1 to 255 bytes');
  const workspace = new Workspace(args, session);
  const event = { operation: 'tenant-certificate-read', object: tenant, tenant, environment: workspace.configuration.environment };
  await requireRole(workspace, session, 'auditor', event);
  const store = await openStore(workspace);
  try {
    const { certificates } = await readCertificates(store, tenant, []);
    if (certificates.length === 0) {
      throw new LockfastError('not-found', `the ledger has no certificate of the tenant ${shownPath(tenant)}`, `\`lockfast tenant shred ${shownPath(tenant)}\` destroys its key, and writes one; run again it writes one that is missing`);
    }
    await (await workspace.audit())?.record({ ...event, outcome: 'success' });
    // Without proof of the key ring, which this is not about.
    const present: ReadonlySet<unknown> = tenantKeysAt(workspace.configuration.keyring);
    const isBack = ({ entry }: NumberedEntry): boolean => present.has(entry.details?.['key']);
    if (args.flag('json')) session.terminal.json({ tenant, certificates: certificates.map((one) => ({ ...asJson(one), ...(isBack(one) ? { keyIsBack: true } : {}) })) });
    else for (const one of certificates) print(one, session);
    if (certificates.some(isBack)) session.terminal.warn(`the key ring that is here has a key again that was destroyed: what it encrypted decrypts; \`lockfast tenant shred ${shownPath(tenant)}\` destroys it again`);
    return 0;
  } finally {
    await store.close();
  }
}

/** By column, under what begins so. */
function columnsIn({ entry: { details = {} } }: NumberedEntry, start: string): [id: string, what: string | number][] {
  return Object.entries(details).flatMap(([name, what]) => (name.startsWith(start) && typeof what !== 'boolean' ? [[name.slice(start.length), what]] : []));
}

function asJson(certificate: NumberedEntry): object {
  const { seq, entry } = certificate;
  const { key, created, destroyed, files, plaintextFiles, neverDerived, recoveryBackup, exports } = entry.details ?? {};
  return {
    entry: seq,
    time: entry.time,
    environment: entry.environment,
    actor: nameIn(entry.actor),
    reason: entry.reason ?? null,
    key,
    created,
    destroyed,
    covered: { columns: columnsIn(certificate, COVERED).map(([id, rows]) => ({ id, rows: typeof rows === 'number' ? rows : null })), filesRemoved: files, copies: 'all copies of these values in databases, replicas, dumps and backups' },
    notCovered: { columns: columnsIn(certificate, NOT_COVERED).map(([id, why]) => ({ id, why })), plaintextFiles, filesNeverUnderTheKey: neverDerived, recoveryBackup, plaintextHandedOut: exports, always: NEVER_COVERED },
    verify: stepsToVerify(seq),
  };
}

function stepsToVerify(seq: number): string[] {
  return [
    'lockfast ledger verify: the ledger is whole, and signed',
    `lockfast ledger list --json: entry ${seq} says what is printed here`,
    'lockfast key list: the key ring that programs use; a value from an older copy of the database does not open with it (lockfast column verify)',
  ];
}

function print(certificate: NumberedEntry, { terminal }: Session): void {
  const { seq, entry } = certificate;
  const details = entry.details ?? {};
  const fact = (name: string): string => shownPath(String(details[name] ?? ''));
  terminal.line(`Certificate: the key of the tenant ${shownPath(entry.object)} was destroyed`);
  terminal.line(`  Entry ${seq} of the ledger, ${shownMinute(entry.time)}, by ${shownPath(nameIn(entry.actor))}${entry.reason === undefined ? '' : `: ${shownPath(entry.reason)}`}`);
  terminal.line(`  Environment ${shownPath(entry.environment ?? '')}, key ${fact('key')}, made ${fact('created')}, destroyed ${fact('destroyed')}`);
  terminal.line('Unreadable since, in the database and in every copy of it, in replicas, dumps and backups:');
  const covered = columnsIn(certificate, COVERED);
  for (const [id, rows] of covered) terminal.line(`  ${shownPath(id)}: ${typeof rows === 'number' ? counted(rows, 'row') : shownPath(rows)}`);
  if (covered.length === 0) terminal.line('  no column');
  terminal.line(`  encrypted files that the key took part in, and all copies of them; removed: ${fact('files')}`);
  terminal.line('Not covered:');
  for (const [id, why] of columnsIn(certificate, NOT_COVERED)) terminal.line(`  ${shownPath(id)}: ${shownPath(String(why))}`);
  for (const one of NEVER_COVERED) terminal.line(`  ${one}`);
  terminal.line(`    last recovery backup that has the key: ${fact('recoveryBackup')}; plaintext files: ${fact('plaintextFiles')}; files from before it had a key: ${fact('neverDerived')}`);
  terminal.line(`    plaintext handed out, by entries of the ledger: ${fact('exports')}`);
  terminal.line('To verify:');
  for (const step of stepsToVerify(seq)) terminal.line(`  ${step}`);
}
