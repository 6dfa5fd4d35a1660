import type { Dialect } from '../dialects/index.ts';
import { type Assignment, textOf } from './features.ts';
import { outcomeOf, readAs, sameOutcome } from './target.ts';

/** What the own dialect takes for a comment behind the value, from its `#` on; empty where there is none. */
export function commentBehind(assignment: Assignment, value: string, own: Dialect): { readonly rest: Assignment; readonly comment: string } {
  const lastLine = assignment.value.lastIndexOf('\n') + 1;
  for (let at = assignment.value.indexOf('#', lastLine); at !== -1; at = assignment.value.indexOf('#', at + 1)) {
    const rest = { ...assignment, value: assignment.value.slice(0, at) };
    if (readsAlone(rest, value, own)) return { rest, comment: assignment.value.slice(at).trimEnd() };
  }
  return { rest: assignment, comment: '' };
}

/**
 * Why nobody but a person can say where the value ends: the dialect cuts it at a `#` that neither a blank nor a quote parts from
 * it, which may be half of a password; or it does not read what stands behind it. Undefined where it is plain.
 */
export function unclearEnd(assignment: Assignment, value: string, own: Dialect): string | undefined {
  const { rest, comment } = commentBehind(assignment, value, own);
  if (comment !== '' && !/[ \t"'`]$/.test(`${rest.equals}${rest.value}`)) return `${own} cuts it at a # that may belong to the value`;
  return hidesText(rest, value, own) ? `there is text behind the value that ${own} does not read` : undefined;
}

/** Whether the value is the same without the last character: then what stands there would be lost. Of open quotes nobody knows. */
function hidesText(assignment: Assignment, value: string, own: Dialect): boolean {
  const body = assignment.value.trimEnd();
  if (body === '' || /["'`]$/.test(body)) return false;
  return readsAlone({ ...assignment, value: body.slice(0, -1) }, value, own);
}

function readsAlone(assignment: Assignment, value: string, own: Dialect): boolean {
  return sameOutcome(outcomeOf(readAs(Buffer.from(textOf(assignment), 'utf8'), own), assignment.name), { kind: 'value', value });
}
