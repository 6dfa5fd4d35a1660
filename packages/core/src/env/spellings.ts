/** Ways to write a value in an env file. Which of them a program reads back right, only its reader tells. */

export type SpellingStyle = 'bare' | 'single-quotes' | 'double-quotes' | 'double-quotes-escaped' | 'backquotes';

export interface Spelling {
  readonly style: SpellingStyle;
  readonly spell: (value: string) => string;
}

/** What every runtime reads alike without quotes. */
const BARE = /^[A-Za-z0-9_./:@%+,=-]*$/;

/** The one that most runtimes agree on first. */
export const SPELLINGS: readonly Spelling[] = [
  { style: 'bare', spell: (value) => (BARE.test(value) ? value : "''") },
  { style: 'single-quotes', spell: (value) => `'${value}'` },
  { style: 'double-quotes', spell: (value) => `"${value}"` },
  { style: 'double-quotes-escaped', spell: (value) => `"${value.replace(/["\\$`]/g, '\\$&')}"` },
  { style: 'double-quotes-escaped', spell: (value) => `"${value.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n')}"` },
  { style: 'backquotes', spell: (value) => `\`${value}\`` },
  { style: 'bare', spell: (value) => value },
  { style: 'single-quotes', spell: (value) => `'${value.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'` },
  { style: 'single-quotes', spell: (value) => `'${value.replaceAll("'", `'\\''`)}'` },
];
