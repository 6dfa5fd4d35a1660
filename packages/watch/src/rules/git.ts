import { NONE, type Rule } from '../rule.ts';

export const secretInGit: Rule = {
  what: 'the git guard found a secret in a repository that is in use',
  severity: 'critical',
  take: ({ operation, outcome, object, tenant, details, seq }) => {
    if (operation !== 'guard-finding' || outcome === 'success') return NONE;
    const { variable } = details;
    const what = typeof variable === 'string' ? variable : 'a secret';
    return [{ cause: `${what} ${tenant ?? ''} ${object}`, tenant, summary: `${what}${tenant === undefined ? '' : ` of ${tenant}`} lies in the repository ${object}`, hint: 'give it a new value with lockfast secret rotate, then clean the history: lockfast guard scan', seq }];
  },
};
