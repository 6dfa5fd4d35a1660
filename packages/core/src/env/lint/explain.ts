import { isUtf8 } from 'node:buffer';

import type { Target } from '../dialects/index.ts';
import type { Entry } from '../document.ts';
import type { Cause } from './cause.ts';
import { type Assignment, assignmentOf, type Feature, FEATURES, openingQuote, textOf } from './features.ts';
import { type Outcome, outcomeOf, readAs, sameOutcome } from './target.ts';

/** So many features together are looked for; more than that no line of a person's has. */
const MOST_TOGETHER = 3;

/**
 * Why `target` reads the variable of an entry otherwise than `own` does. Nothing is guessed: the cause is the smallest set of
 * features without which the two readers agree, as the readers themselves say. `other-line` where they agree on the entry
 * alone, `syntax` where nothing of that helps.
 */
export function causesOf(entry: Entry, own: Target, target: Target): Cause[] {
  if (!isUtf8(entry.bytes)) return ['not-utf-8'];
  const assignment = assignmentOf(entry.bytes.toString('utf8'));
  if (assignment === undefined) return ['syntax'];
  const pair = new Pair(own, target);
  if (pair.same(assignment)) return assignment.value.includes('$') ? ['expansion'] : ['other-line'];
  if (pair.agreeButForQuotes(assignment)) return ['quotes'];

  const present = FEATURES.filter(({ without }) => textOf(without(assignment)) !== textOf(assignment));
  for (let size = 1; size <= Math.min(MOST_TOGETHER, present.length); size++) {
    for (const features of subsets(present, size)) {
      const rest = features.reduce((left, { without }) => without(left), assignment);
      const causes = features.map(({ cause }) => cause);
      if (pair.agree(rest)) return causes;
      if (pair.agreeButForQuotes(rest)) return ['quotes', ...causes];
    }
  }
  return pair.outcome(assignment, target).kind === 'inherited' ? ['inherited'] : ['syntax'];
}

class Pair {
  readonly #own: Target;
  readonly #target: Target;
  /** Subsets come to the same text now and then, and each is asked about more than once. */
  readonly #known = new Map<string, Outcome>();

  constructor(own: Target, target: Target) {
    this.#own = own;
    this.#target = target;
  }

  outcome(assignment: Assignment, target: Target): Outcome {
    const text = textOf(assignment);
    const key = `${target} ${text}`;
    const known = this.#known.get(key) ?? outcomeOf(readAs(Buffer.from(text, 'utf8'), target), assignment.name);
    this.#known.set(key, known);
    return known;
  }

  same(assignment: Assignment): boolean {
    return sameOutcome(this.outcome(assignment, this.#own), this.outcome(assignment, this.#target));
  }

  /** On a value: that both read nothing explains nothing. */
  agree(assignment: Assignment): boolean {
    return this.outcome(assignment, this.#own).kind === 'value' && this.same(assignment);
  }

  agreeButForQuotes(assignment: Assignment): boolean {
    const quote = openingQuote(assignment.value);
    const [own, target] = [this.outcome(assignment, this.#own), this.outcome(assignment, this.#target)];
    if (quote === '' || own.kind !== 'value' || target.kind !== 'value') return false;
    return unquoted(own.value, quote) === unquoted(target.value, quote);
  }
}

function unquoted(value: string, quote: string): string {
  return value.length >= 2 && value.startsWith(quote) && value.endsWith(quote) ? value.slice(1, -1) : value;
}

function subsets(features: readonly Feature[], size: number): Feature[][] {
  if (size === 0) return [[]];
  return features.flatMap((feature, i) => subsets(features.slice(i + 1), size - 1).map((rest) => [feature, ...rest]));
}
