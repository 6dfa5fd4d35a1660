/** When the next data key is due: before, and after. */
import { NONE, type Rule } from '../rule.ts';

const DAY_MS = 86_400_000;

export const rotationDue: Rule = {
  what: 'a rotation will be due within the window',
  severity: 'warning',
  windowMs: 7 * DAY_MS,
  look: ({ rotation, now }, { windowMs }) => {
    if (rotation === undefined || rotation.overdue || Date.parse(rotation.next) - now > windowMs) return NONE;
    return [{ cause: 'rotation', summary: `a rotation is due on ${rotation.next.slice(0, 10)} (${rotation.cause})`, hint: 'plan: lockfast key rotate', state: rotation.next }];
  },
};

export const rotationOverdue: Rule = {
  what: 'a rotation is overdue; told anew each time the window has passed',
  severity: 'critical',
  windowMs: 7 * DAY_MS,
  look: ({ rotation, now }, { windowMs }) => {
    if (rotation === undefined || !rotation.overdue) return NONE;
    const late = Math.max(0, now - Date.parse(rotation.next));
    return [{ cause: 'rotation', summary: `a rotation is overdue since ${rotation.next.slice(0, 10)} (${rotation.cause})`, hint: 'run lockfast key rotate', state: `${rotation.next} ${Math.floor(late / windowMs)}` }];
  },
};
