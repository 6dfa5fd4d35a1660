/** Entries as CSV: RFC 4180, and safe to open in a spreadsheet. */
import type { NumberedEntry } from './rows.ts';

const CSV_COLUMNS = ['seq', 'time', 'kind', 'operation', 'object', 'tenant', 'environment', 'key', 'user', 'sudo', 'host', 'pid', 'program', 'outcome', 'code', 'intent', 'reason', 'details'] as const;

export function csvHead(): string {
  return csvLine(CSV_COLUMNS);
}

export function csvRow({ seq, entry }: NumberedEntry): string {
  const { time, kind, operation, object, tenant, environment, keyId, actor, outcome, code, intent, reason, details } = entry;
  const { user, sudo, host, pid, program } = actor;
  return csvLine([seq, time, kind, operation, object, tenant, environment, keyId, user, sudo, host, pid, program, outcome, code, intent, reason, details === undefined ? undefined : JSON.stringify(details)]);
}

/** One line with its end; undefined is an empty cell. */
export function csvLine(values: readonly (string | number | undefined)[]): string {
  return `${values.map((value) => (value === undefined ? '' : csvCell(String(value)))).join(',')}\r\n`;
}

/**
 * What begins like this is run as a formula by spreadsheets, and could send the sheet elsewhere: an object is named by
 * whoever names a file. The apostrophe makes it text.
 */
export function csvCell(text: string): string {
  const safe = /^[=+\-@\t\r]/.test(text) ? `'${text}` : text;
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}
