/** The ledger itself: what was begun and not ended, what is gone, who does not watch it any more. */
import { NONE, type Rule } from '../rule.ts';

const HOUR_MS = 3_600_000;

export const openIntent: Rule = {
  what: 'something was announced, and its end is not recorded after the window',
  severity: 'warning',
  windowMs: HOUR_MS,
  look: ({ waiting, now }, { windowMs }) =>
    [...waiting]
      .filter(([, { time }]) => now - time > windowMs)
      .map(([seq, { operation, object, tenant, person, time }]) => ({ cause: String(seq), tenant, summary: `${operation} of ${tenant ?? object} by ${person} has no end since ${new Date(time).toISOString().slice(0, 16)}Z`, hint: 'see lockfast ledger list --outcome open', seq })),
};

/** What the reader of the ledger finds comes from `watch-round.ts`; this is what its library refuses. */
export const ledgerCut: Rule = {
  what: 'the ledger lost entries, or has others in their place, or an older one was put back',
  severity: 'critical',
  look: ({ ledgerRefusal }) => (ledgerRefusal === undefined ? NONE : [{ cause: 'rewound', summary: `the ledger takes no entry (${ledgerRefusal})`, hint: 'run lockfast ledger verify, and see docs/guides/ledger.md', state: ledgerRefusal }]),
};

export const ledgerUnavailable: Rule = {
  what: 'the ledger can not be read',
  severity: 'critical',
  look: ({ ledger }) => (ledger === undefined || !('code' in ledger) ? NONE : [{ cause: 'ledger', summary: `the ledger can not be read (${ledger.code})`, hint: 'run lockfast doctor', state: ledger.code }]),
};

/** In memory, by witness: how many entries it had, and since when it has had them although there were more. */
export const witnessSilent: Rule = {
  what: 'a witness got none of the new entries for the window, or does not answer',
  severity: 'critical',
  windowMs: 24 * HOUR_MS,
  rememberMs: () => Number.POSITIVE_INFINITY,
  look: ({ witnesses, ledger, now }, { memory, windowMs }) => {
    const total = ledger === undefined || 'code' in ledger ? undefined : ledger.size;
    return witnesses.flatMap(({ name, size, code }) => {
      const [known = -1, since = now] = memory.get(name) ?? [];
      const silent = code !== undefined || (size !== undefined && total !== undefined && size < total && size <= known);
      memory.set(name, [size ?? known, silent ? since : now]);
      if (!silent || now - since <= windowMs) return [];
      return [{ cause: name, summary: `${name} has had nothing new since ${new Date(since).toISOString().slice(0, 16)}Z${code === undefined ? '' : ` (${code})`}`, hint: 'run lockfast ledger witness push', state: code ?? 'behind' }];
    });
  },
};
