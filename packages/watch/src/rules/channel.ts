import type { Rule } from '../rule.ts';

export const channelDead: Rule = {
  what: 'a channel failed so often, one time after the other; told on the others',
  severity: 'critical',
  threshold: 3,
  look: ({ channels }, { threshold }) =>
    channels.filter(({ failures }) => failures >= threshold).map(({ name, since }) => ({ cause: name, summary: `alerts do not get out through ${name} since ${new Date(since).toISOString().slice(0, 16)}Z`, hint: 'check it with lockfast watch list; what waits for it is kept' })),
};
