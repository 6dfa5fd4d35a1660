/** Why two programs read a line differently: the closed set, and what each means, as a clause for a table. */
export const CAUSES = {
  quotes: 'some keep the quotes',
  comment: 'where a comment begins',
  escape: 'what a backslash does',
  continuation: 'a backslash at the end of a line joins the next one for some',
  expansion: 'some put a variable in for $',
  command: 'some would run a command',
  'multi-line': 'some end a value with its line',
  'open-quote': 'a quote that is not closed',
  'quotes-within': 'quotes within the value',
  backquotes: 'backquotes are quotes for some',
  'text-behind': 'text behind the closing quote',
  blank: 'a blank without quotes ends the value for some',
  'trailing-space': 'white space at the end of the value',
  'space-at-equals': 'white space beside the equals sign',
  'shell-character': 'a character that a shell acts on',
  'unusual-white-space': 'white space that is some other character for some',
  'export-prefix': 'export belongs to the name for some',
  'byte-order-mark': 'a byte order mark belongs to the name for some',
  'carriage-return': 'a carriage return stays for some',
  'name-refused': 'a name that some do not take',
  inherited: 'some take it from their own environment',
  'not-utf-8': 'bytes that are not UTF-8',
  'other-line': 'another line of the file gets in the way',
  syntax: 'some can not read the line',
} as const;

export type Cause = keyof typeof CAUSES;
