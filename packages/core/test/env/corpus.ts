/** Generated env files, by a seed: what people write, and what is meant to confuse. */
import fc from 'fast-check';

const NAMES = ['A', 'B', 'C', 'AB', 'A_B', 'a', 'B2'];
const ODD_NAMES = ['A-B', 'a.b', '1A', 'é', 'A B', ''];
const INDENTS = ['', '', '', '', '', '', ' ', '\t', 'export ', 'export ', 'export\t', ' export  '];
const EQUALS = ['=', '=', '=', '=', '=', '=', '= ', ' =', ' = ', '=\t', ': ', ''];
const ENDINGS = ['', '', '', '', '', ' ', '\t', ' # c', '# c', ' #', ' # it\'s "c"', ' x', '"', "'"];
const LINE_ENDS = ['\n', '\n', '\n', '\n', '\n', '\n', '\n', '\r\n', '\n\n'];
const OTHERS = ['\n', '# c\n', '  # c\n', '# c \\\n', '; c\n', 'junk\n', '#A=1\n', ' \n', '\t\n', "# it's\n", '#\n'];

/** Within a value; without what a shell would run or redirect. */
const PIECES = ['x', 'y', 'ab', '1', ' ', ' ', '#', ' #', '$A', '${A}', '${B:-d}', '$', '$$', '\\', '\\\\', '\\n', '\\t', '\\"', "\\'", '\\$', "'", '"', '=', ':', '/', ',', '{', '}', 'é', '\t', '@', '%', '+', '-', '.', '!', '~x'];
/** What Unicode has for white space, and controls: few readers agree on these. */
const RARE = ['\u00a0', '\u2028', '\v', '\f', '\r', '\u0085', '\u001c', '\ufeff', '`'];

const piece = fc.oneof({ arbitrary: fc.constantFrom(...PIECES), weight: 30 }, { arbitrary: fc.constantFrom(...RARE), weight: 1 });
const text = fc.array(piece, { maxLength: 6 }).map((pieces) => pieces.join(''));
const plain = fc.array(fc.constantFrom('x', 'y', '1', '/', ':', '.', 'ab', ' ', '#', '='), { maxLength: 6 }).map((pieces) => pieces.join(''));
const value = fc.oneof(
  plain,
  text,
  plain.map((inner) => `"${inner}"`),
  plain.map((inner) => `'${inner}'`),
  text.map((inner) => `"${inner}"`),
  text.map((inner) => `'${inner}'`),
  fc.tuple(plain, plain).map(([one, two]) => `"${one}\n${two}"`),
  fc.tuple(plain, plain).map(([one, two]) => `'${one}\n${two}'`),
);
const name = fc.oneof({ arbitrary: fc.constantFrom(...NAMES), weight: 24 }, { arbitrary: fc.constantFrom(...ODD_NAMES), weight: 1 });
const assignment = fc
  .tuple(fc.constantFrom(...INDENTS), name, fc.constantFrom(...EQUALS), value, fc.constantFrom(...ENDINGS), fc.constantFrom(...LINE_ENDS))
  .map((parts) => parts.join(''));
const line = fc.oneof({ arbitrary: assignment, weight: 6 }, { arbitrary: fc.constantFrom(...OTHERS), weight: 1 });
const file = fc
  .tuple(fc.constantFrom('', '', '', '', '', '', '', '', '', '\ufeff'), fc.array(line, { minLength: 1, maxLength: 5 }), fc.boolean())
  .map(([mark, lines, ended]) => mark + (ended ? lines.join('') : lines.join('').replace(/\n$/, '')));

export function corpus(count: number, seed: number): string[] {
  return fc.sample(file, { seed, numRuns: count });
}
