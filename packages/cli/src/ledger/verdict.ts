/** What `ledger verify` says to a person: three ranges that are worth different things, and never one word for all. */
import type { LedgerVerdict } from '@lockfast/ledger';

import type { Terminal } from '../terminal.ts';
import { countedEntries } from './rows.ts';

/** Of a long list the beginning is enough: `ledger list --outcome open` has them all. */
const SHOWN = 10;

export function printVerdict(verdict: LedgerVerdict, terminal: Terminal): void {
  const { entries, witnessed, signed, unanchored, firstBad, dangling, restores, findings, signatures, mac } = verdict;
  const sentence = firstBad === undefined ? `${countedEntries(entries)}, the chain is whole` : `${countedEntries(entries)} in order, and then it ${terminal.red('breaks')}: entry ${firstBad.seq}`;
  terminal.line(sentence);
  const width = String(entries).length;
  const range = (name: string, size: number, first: number, what: string): void => {
    const where = size === 0 ? '' : `  ${size === 1 ? `entry ${first}` : `entries ${first} to ${first + size - 1}`}${what}`;
    terminal.line(`  ${name.padEnd(10)}  ${String(size).padStart(width)}${where}`);
  };
  range('witnessed', witnessed, 1, '');
  range('signed', signed, witnessed + 1, ': nobody out of reach of this machine holds them');
  range('unanchored', unanchored, witnessed + signed + 1, ': whoever controls the ledger could have cut or rewritten them');
  if (dangling.length > 0) terminal.line(`without an outcome: ${listed(dangling)}`);
  if (restores.length > 0) terminal.line(`restored from a backup: ${listed(restores)}`);
  for (const { seq, text, count: times } of findings) terminal.line(`entry ${seq}: ${text}${times > 1 ? `, and ${times - 1} more like it` : ''}`);
  if (signatures === 'unchecked') terminal.line('signature unchecked: give --public-key, or verify where the key ring opens');
  terminal.line(mac === 'unchecked' ? 'MAC unchecked: give --backup with a recovery backup' : `MAC checked from entry ${mac.from} on`);
}

function listed(numbers: readonly number[]): string {
  const more = numbers.length - SHOWN;
  return `entr${numbers.length === 1 ? 'y' : 'ies'} ${numbers.slice(0, SHOWN).join(', ')}${more > 0 ? ` and ${more} more` : ''}`;
}
