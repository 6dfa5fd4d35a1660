import { LockfastError } from '../errors.ts';
import { type Dialect, readEnv } from './dialects/index.ts';
import { type Entry, isVariableName, printEntries, splitEntries } from './document.ts';
import { SPELLINGS } from './spellings.ts';

/**
 * The line that gives `name` this value in `dialect`. Each spelling is read back before it is chosen.
 *
 * @throws LockfastError `invalid-name`, `unprintable-value` where the dialect can't hold this value
 */
export function printAssignment(name: string, value: string, dialect: Dialect): Buffer {
  if (!isVariableName(name)) {
    throw new LockfastError('invalid-name', 'the name of the variable is not usable', 'use letters, digits, underscores, dots and dashes');
  }
  for (const { spell } of SPELLINGS) {
    const line = Buffer.from(`${name}=${spell(value)}\n`, 'utf8');
    if (splitEntries(line).length === 1 && readsBack(line, name, value, dialect)) return line;
  }
  throw new LockfastError(
    'unprintable-value',
    `no spelling of the value of ${name} is read back right by ${dialect}`,
    'encode it, for example in base64, and decode it in the program; or use another --dialect',
  );
}

function readsBack(line: Buffer, name: string, value: string, dialect: Dialect): boolean {
  try {
    const { variables, problems } = readEnv(line, dialect);
    return problems.length === 0 && variables.size === 1 && variables.get(name) === value;
  } catch (error) {
    if (error instanceof LockfastError) return false;
    throw error;
  }
}

/**
 * With `name` set to `value`: in place where it stands (the last time, which is the one that counts), else at the end.
 * Every other byte stays. The result is read back as a whole before it is returned.
 *
 * @throws LockfastError as {@link printAssignment}
 */
export function setVariable(entries: readonly Entry[], name: string, value: string, dialect: Dialect): Entry[] {
  const line = printAssignment(name, value, dialect);
  const at = entries.findLastIndex((entry) => entry.name === name && entry.kind !== 'other');
  const result = at === -1 ? [...endedByNewline(entries, line), oneEntry(line)] : entries.with(at, oneEntry(like(entries[at]!, line)));
  // Told apart by reading: a quote left open above would swallow the new line.
  if (readEnv(printEntries(result), dialect).variables.get(name) !== value) {
    throw new LockfastError(
      'unprintable-value',
      `${dialect} would not read ${name} back from this file: another line of the file gets in the way`,
      'look for an open quote above it with `lockfast env edit`',
    );
  }
  return result;
}

/** Without any assignment of `name`. @throws LockfastError `no-such-variable` */
export function unsetVariable(entries: readonly Entry[], name: string): Entry[] {
  const result = entries.filter((entry) => entry.kind === 'other' || entry.name !== name);
  if (result.length === entries.length) {
    throw new LockfastError('no-such-variable', `the file sets no variable ${name}`, 'see `lockfast env list` for the names that it sets');
  }
  return result;
}

/** The new line with the `export`, the indentation and the line ending of the one that it replaces. */
function like(old: Entry, line: Buffer): Buffer {
  const text = old.bytes.toString('latin1');
  const [lead] = /^(?:\u00ef\u00bb\u00bf)?[ \t]*(?:export[ \t]+)?/.exec(text)!;
  const ending = text.endsWith('\r\n') ? '\r\n' : text.endsWith('\n') ? '\n' : '';
  return Buffer.concat([Buffer.from(lead, 'latin1'), line.subarray(0, -1), Buffer.from(ending, 'latin1')]);
}

function endedByNewline(entries: readonly Entry[], line: Buffer): Entry[] {
  const last = entries.at(-1);
  if (last === undefined || last.bytes.at(-1) === line.at(-1)) return [...entries];
  return entries.with(entries.length - 1, { ...last, bytes: Buffer.concat([last.bytes, Buffer.from('\n')]) });
}

function oneEntry(line: Buffer): Entry {
  return splitEntries(line)[0]!;
}
