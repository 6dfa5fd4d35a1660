import { NONE, type Rule } from '../rule.ts';

const MIGRATIONS: ReadonlySet<string> = new Set(['column-encrypt', 'column-decrypt', 'column-rotate', 'tenant-import', 'key-rotate', 'secret-rotate']);

export const migrationFinished: Rule = {
  what: 'a column was encrypted or decrypted, a tenant imported, a key or credential rotated: to its end',
  severity: 'information',
  take: ({ operation, outcome, object, tenant, person, durationMs, seq }) => {
    if (!MIGRATIONS.has(operation) || outcome !== 'success') return NONE;
    const took = durationMs === undefined ? '' : ` after ${Math.round(durationMs / 1000)} s`;
    return [{ cause: `${operation} ${object} ${seq}`, tenant, summary: `${operation} of ${tenant ?? object} by ${person} is finished${took}`, hint: 'nothing to do', seq }];
  },
};
