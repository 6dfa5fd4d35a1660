import type { Target } from '../dialects/index.ts';
import { splitEntries } from '../document.ts';
import { SPELLINGS, type SpellingStyle } from '../spellings.ts';
import { readAs } from './target.ts';

/** A way to write one variable that all of the targets read alike. */
export interface CommonSpelling {
  readonly style: SpellingStyle;
  /** The whole assignment, without a line ending. It holds the value. */
  readonly text: string;
}

/** As a person says it. */
export const STYLES: Readonly<Record<SpellingStyle, string>> = {
  bare: 'without quotes',
  'single-quotes': 'in single quotes',
  'double-quotes': 'in double quotes',
  'double-quotes-escaped': 'in double quotes, with escapes',
  backquotes: 'in backquotes',
};

/** The first spelling that each target, asked, reads back as this value and nothing else; undefined where there is none. */
export function commonSpelling(name: string, value: string, targets: readonly Target[], lead = '', ending = '\n'): CommonSpelling | undefined {
  for (const { style, spell } of SPELLINGS) {
    const text = `${lead}${name}=${spell(value)}`;
    if (isReadAs(Buffer.from(`${text}${ending}`, 'utf8'), name, value, targets)) return { style, text };
  }
  return undefined;
}

/** Whether all of the targets read these bytes as one entry that gives `name` this value, without a complaint. */
export function isReadAs(line: Buffer, name: string, value: string, targets: readonly Target[]): boolean {
  if (splitEntries(line).length !== 1) return false;
  return targets.every((target) => {
    const { variables, problems, refusal } = readAs(line, target);
    return refusal === undefined && problems.length === 0 && variables.size === 1 && variables.get(name) === value;
  });
}
