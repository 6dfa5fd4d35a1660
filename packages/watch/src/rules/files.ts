/** What lies on the disk and should not, or should and does not: the findings of the audit, as alerts. */
import { type Finding, type FindingKind, isRunning } from '@lockfast/fleet';

import type { Rule, Sighting } from '../rule.ts';
import type { Situation } from '../situation.ts';

export const encryptedFileMissing: Rule = {
  what: 'a tenant without an encrypted file',
  severity: 'critical',
  look: ({ findings }) => of(findings, ['not-encrypted']),
};

export const plaintextWhileDown: Rule = {
  what: 'a plaintext file of a tenant whose service does not run',
  severity: 'critical',
  look: (situation) => of(situation.findings, ['plaintext']).filter(({ tenant }) => isDown(situation, tenant)),
};

export const plaintextFound: Rule = {
  what: 'a plaintext file elsewhere',
  severity: 'warning',
  look: (situation) => of(situation.findings, ['plaintext']).filter(({ tenant }) => !isDown(situation, tenant)),
};

export const damagedFile: Rule = {
  what: "an encrypted file that is not whole, is another tenant's or can't be read",
  severity: 'critical',
  look: ({ findings }) => of(findings, ['damaged', 'foreign', 'unreadable']),
};

export const permissionDrift: Rule = {
  what: 'modes, owners, links and units that show a secret, or let others change one',
  severity: 'warning',
  look: ({ findings }) => of(findings, ['mode', 'owner', 'link', 'unit', 'backup', 'variable']),
};

function of(findings: readonly Finding[], kinds: readonly FindingKind[]): Sighting[] {
  return findings.filter(({ kind }) => kinds.includes(kind)).map(({ tenant, path, kind, detail, hint }) => ({ cause: `${kind} ${path}`, tenant, summary: `${path}: ${detail}`, hint, state: detail }));
}

/** A tenant without a service known here is neither up nor down. */
function isDown({ services }: Situation, tenant: string | undefined): boolean {
  const service = services.find((one) => one.tenant === tenant);
  return service !== undefined && !isRunning(service);
}
