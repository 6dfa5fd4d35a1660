import type { FileVariables } from './expansion.ts';
import { MAX_NESTING } from './expansion.ts';

/** What a value of an env file may not hold; a clause for `refusal`. */
export class TemplateError extends Error {}

/**
 * compose-go, `template.Substitute` as its dotenv package calls it: `$NAME`, `${NAME}`, the six operators `-` `:-` `+` `:+` `?`
 * `:?`, nested, and `$$` for a dollar sign. A name is `[_a-z][_a-z0-9]*` without regard to case. `${` before anything else is an
 * error, and so is `$(`; `$` before any other character is a dollar sign.
 *
 * @throws TemplateError
 */
export function substitute(template: string, variables: FileVariables): string {
  return template.includes('$') ? new Template(template, variables).expand(0, template.length, 0) : template;
}

// With `i` and `u` as in Go's `(?i)`: U+017F and U+212A fold to `s` and `k`.
const NAME = /[_a-z][_a-z0-9]*/iuy;
const OPERATOR = /:?[-+?]/y;

class Template {
  readonly #text: string;
  readonly #variables: FileVariables;

  constructor(text: string, variables: FileVariables) {
    this.#text = text;
    this.#variables = variables;
  }

  expand(from: number, until: number, depth: number): string {
    if (depth > MAX_NESTING) throw new TemplateError('defaults that are nested too deeply');
    const lastBrace = lastBraceFinder(this.#text, until);
    let out = '';
    let at = from;
    for (;;) {
      const dollar = this.#text.indexOf('$', at);
      if (dollar === -1 || dollar >= until) return out + this.#text.slice(at, until);
      out += this.#text.slice(at, dollar);
      const next = dollar + 1 < until ? this.#text.charAt(dollar + 1) : '';
      const name = this.#match(NAME, dollar + 1, until);
      if (next === '$') {
        out += '$';
        at = dollar + 2;
      } else if (name !== '') {
        out += this.#variables.reference(name) ?? '';
        at = dollar + 1 + name.length;
      } else if (next === '{') {
        const end = this.#braceEnd(dollar, until, lastBrace);
        out += this.#braced(dollar + 2, end, depth);
        at = end + 1;
      } else if (next === '(') {
        throw new TemplateError('a command substitution');
      } else {
        out += '$';
        at = dollar + 1;
      }
    }
  }

  #match(pattern: RegExp, from: number, until: number): string {
    pattern.lastIndex = from;
    const found = pattern.exec(this.#text)?.[0] ?? '';
    return found.slice(0, Math.max(0, until - from));
  }

  /** The offset of the `}` of the reference at `dollar`. */
  #braceEnd(dollar: number, until: number, lastBrace: (from: number) => number): number {
    const afterName = dollar + 2 + this.#match(NAME, dollar + 2, until).length;
    if (afterName > dollar + 2 && afterName < until) {
      if (this.#text.charAt(afterName) === '}') return afterName;
      const afterOperator = afterName + this.#match(OPERATOR, afterName, until).length;
      // With an operator the pattern takes everything up to the last brace of the line; then the balanced one in it is looked for.
      const last = afterOperator > afterName ? lastBrace(afterOperator) : -1;
      if (last !== -1) return this.#balanced(dollar, last);
    }
    throw new TemplateError('an invalid reference');
  }

  /** `getFirstBraceClosingIndex`, which passes over the character behind an opening brace. Without a balanced one: the last. */
  #balanced(from: number, last: number): number {
    let open = 0;
    for (let at = from; at <= last; at++) {
      const char = this.#text.charAt(at);
      if (char === '}' && --open === 0) return at;
      if (char === '{') {
        open++;
        at++;
      }
    }
    return last;
  }

  #braced(from: number, end: number, depth: number): string {
    const name = this.#match(NAME, from, end);
    const operator = this.#match(OPERATOR, from + name.length, end);
    const value = this.#variables.reference(name);
    if (operator === '') return value ?? '';
    const word = from + name.length + operator.length;
    const present = value !== undefined && (value !== '' || !operator.startsWith(':'));
    if (operator.endsWith('+')) return present ? this.expand(word, end, depth + 1) : (value ?? '');
    if (present) return value;
    if (operator.endsWith('?')) throw new TemplateError('a reference to a variable that must be set');
    return this.expand(word, end, depth + 1);
  }
}

/** The last `}` at or after an offset on the line of that offset, before `until`; -1 if there is none. */
function lastBraceFinder(text: string, until: number): (from: number) => number {
  let lineEnd = -1;
  let last = -1;
  return (from) => {
    if (from > lineEnd) {
      const feed = text.indexOf('\n', from);
      lineEnd = feed === -1 || feed > until ? until : feed;
      last = text.lastIndexOf('}', lineEnd - 1);
    }
    return last >= from ? last : -1;
  };
}
