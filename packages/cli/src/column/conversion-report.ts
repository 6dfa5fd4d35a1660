/** What a conversion tells a person: a line for each record with --verbose, then the counts of the column. */
import type { ConversionReport, ReportedRow } from '@lockfast/columns/jobs';
import { shownLine } from '@lockfast/core/files';

import type { Terminal } from '../terminal.ts';
import { type Direction, WORDS } from './conversion-words.ts';
import type { ConfiguredColumn } from './declared.ts';
import type { NamedKey } from './key-names.ts';

export function printTitle(direction: Direction, dryRun: boolean, { title }: ConfiguredColumn, { terminal }: { readonly terminal: Terminal }): void {
  terminal.line(`${WORDS[direction].doing} ${shownLine(title)}${dryRun ? ' (dry run)' : ''}`);
}

/** Old and new keys of a rotation. Where nothing is under an old one, there is nothing to tell. */
export function printKeys(old: readonly NamedKey[], present: NamedKey, { terminal }: { readonly terminal: Terminal }): void {
  if (old.length === 0) return;
  terminal.line('Rotating Encryption Key');
  const width = Math.max(...[...old, present].map(({ name }) => name.length));
  for (const { name, fingerprint } of old) terminal.line(`  Old key: ${name.padEnd(width)}  ${fingerprint}`);
  terminal.line(`  New key: ${present.name.padEnd(width)}  ${present.fingerprint}`);
  terminal.line();
}

/** Rows by the label that the configuration names, else by their key. */
export function rowName({ key, label }: Pick<ReportedRow, 'key' | 'label'>): string {
  return shownLine(label ?? key.join('/'));
}

export function printCounts(direction: Direction, dryRun: boolean, report: ConversionReport, { terminal }: { readonly terminal: Terminal }): void {
  const words = WORDS[direction];
  const { rows, already, changed, plaintext, unreadable, conflicts, remaining, resumed } = report;
  const count = (name: string, number: number): void => terminal.line(`  ${name}: ${number}`);
  const unlessNone = (name: string, number: number): void => {
    if (number > 0) count(name, number);
  };
  if (resumed) terminal.line('  Goes on where an earlier run stopped, whose counts are among these');
  count('Total', rows);
  if (direction === 'rotate') unlessNone(words.already, already);
  else count(words.already, already);
  count(dryRun ? words.toChange : words.changed, changed);
  unlessNone('Without a value', report.null);
  if (direction === 'rotate') unlessNone('Plaintext, left as it is', plaintext);
  unlessNone('Written by others meanwhile, and looked at again', conflicts);
  unlessNone('Not readable, left as they are', unreadable.count);
  if (!dryRun) unlessNone('Remaining', remaining);
  for (const row of unreadable.first) terminal.line(`    ${terminal.red('✗')} ${rowName(row)}: ${row.code}`);
  if (unreadable.count > unreadable.first.length) terminal.line(`    and ${unreadable.count - unreadable.first.length} more`);
}
