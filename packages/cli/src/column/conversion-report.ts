/** What a conversion tells a person: a line for each record with --verbose, then the counts of the column. */
import type { ConversionReport, ReportedRow } from '@lockfast/columns/jobs';
import { shownLine } from '@lockfast/core/files';

import { grouped, type Terminal } from '../terminal.ts';
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

/**
 * @param rows that the table has
 * @param named whether each record was named before
 */
export function printCounts(direction: Direction, dryRun: boolean, report: ConversionReport, rows: number, named: boolean, { terminal }: { readonly terminal: Terminal }): void {
  const words = WORDS[direction];
  const { already, changed, plaintext, unreadable, conflicts, remaining, resumed, interrupted } = report;
  const count = (name: string, number: number): void => terminal.line(`  ${name}: ${grouped(number)}`);
  const unlessNone = (name: string, number: number): void => {
    if (number > 0) count(name, number);
  };
  if (resumed) terminal.line('  Goes on where an earlier run stopped, whose counts are among these');
  if (interrupted) terminal.line(`  Looked at: ${grouped(report.rows)} of ${grouped(rows)}`);
  else count('Total', report.rows);
  if (direction === 'rotate') unlessNone(words.already, already);
  else count(words.already, already);
  count(dryRun ? words.toChange : words.changed, changed);
  unlessNone('Without a value', report.null);
  if (direction === 'rotate') unlessNone('Plaintext, left as it is', plaintext);
  unlessNone('Written by others meanwhile, and looked at again', conflicts);
  unlessNone('Of tenants whose keys were destroyed, left as they are', report.shredded);
  unlessNone('Not readable, left as they are', unreadable.count);
  if (!dryRun) unlessNone('Remaining', remaining);
  if (named) return;
  for (const row of unreadable.first) terminal.line(`    ${terminal.red('✗')} ${rowName(row)}: ${row.code}`);
  if (unreadable.count > unreadable.first.length) terminal.line(`    and ${grouped(unreadable.count - unreadable.first.length)} more`);
}
