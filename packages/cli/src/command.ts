import type { Arguments } from './arguments.ts';
import type { Session } from './session.ts';

export interface Option {
  /** `flag` takes no value, `text` one, `list` may be given several times. */
  readonly kind: 'flag' | 'text' | 'list';
  /** How help names the value. Absent for a flag. */
  readonly value?: string;
  readonly help: string;
  /** The only values there are: checked, shown in help and completed. */
  readonly choices?: readonly string[];
}

type CommandRun = (args: Arguments, session: Session) => Promise<number>;

/** One command, as data: parsing, help, the man page and completion are made from it. */
export interface Command {
  /** The words after `lockfast`, for example `env encrypt`. */
  readonly name: string;
  readonly summary: string;
  /** The positional arguments, as help shows them. */
  readonly operands?: string;
  /** How many positional arguments it takes, least and most. */
  readonly arity?: readonly [least: number, most: number];
  readonly options: Readonly<Record<string, Option>>;
  /** Paragraphs for the help page. */
  readonly details?: readonly string[];
  /** A command line, and what it does. */
  readonly examples: readonly (readonly [line: string, what: string])[];
  /** Everything after `--` is another program's. */
  readonly takesCommand?: boolean;
  readonly load: () => Promise<{ readonly run: CommandRun }>;
}

/** Options that every command takes. */
export const COMMON_OPTIONS: Readonly<Record<string, Option>> = {
  config: { kind: 'text', value: 'FILE', help: 'use this lockfast.toml instead of the one found upward from here' },
  help: { kind: 'flag', help: 'show this page' },
};

export const JSON_OPTION: Option = { kind: 'flag', help: 'print JSON, for programs; errors too' };

export const REASON_OPTION: Option = { kind: 'text', value: 'TEXT', help: 'why; the ledger keeps it, so no secret' };

export const YES_OPTION: Option = { kind: 'flag', help: 'do not ask for confirmation' };
