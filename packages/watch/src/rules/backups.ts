/** A backup that nobody made, or that nobody ever tried. */
import { NONE, type Rule } from '../rule.ts';
import type { Situation } from '../situation.ts';

const DAY_MS = 86_400_000;

/** A new key is in no backup until somebody has made one. */
export const backupMissing: Rule = {
  what: 'no recovery backup holds the newest key, the window after it was made',
  severity: 'critical',
  windowMs: DAY_MS,
  look: ({ ring, now }, { windowMs }) => {
    if (ring === undefined || 'code' in ring) return NONE;
    const newest = newestKey(ring);
    if ((ring.backup !== null && ring.backup >= newest) || now - Date.parse(newest) < windowMs) return NONE;
    const summary = ring.backup === null ? 'there is no recovery backup' : `the recovery backup of ${ring.backup.slice(0, 10)} is older than the newest key`;
    return [{ cause: 'backup', summary, hint: 'run lockfast key backup FILE', state: newest }];
  },
};

/** In memory: `drill`: when the last one succeeded, or when this was first asked. */
export const restoreDrillMissing: Rule = {
  what: 'no restore drill succeeded within the window',
  severity: 'warning',
  windowMs: 180 * DAY_MS,
  rememberMs: () => Number.POSITIVE_INFINITY,
  take: ({ operation, outcome, time }, { memory }) => {
    if (operation === 'key-restore-drill' && outcome === 'success') memory.set('drill', [time]);
    // The first thing that the ledger tells of.
    else if (!memory.has('drill')) memory.set('drill', [time]);
    return NONE;
  },
  look: ({ now }, { memory, windowMs }) => {
    const last = memory.get('drill')?.[0];
    if (last === undefined || now - last <= windowMs) return NONE;
    return [{ cause: 'drill', summary: `no restore drill since ${new Date(last).toISOString().slice(0, 10)}`, hint: 'run lockfast key restore --drill FILE', state: String(last) }];
  },
};

function newestKey({ keys }: Exclude<Situation['ring'], undefined | { readonly code: string }>): string {
  return keys.map(({ created }) => created).toSorted().at(-1) ?? '';
}
