/** `column rotate --from`: what another library wrote, and its keys by reference. */
import { Cloak, FOREIGN_FORMATS, type ForeignFormat, type ForeignFormatName, type ForeignKey, Lockbox, Rails, TypeormEncrypted } from '@lockfast/columns/foreign';
import { LockfastError } from '@lockfast/core/errors';
import { Secret } from '@lockfast/core/keyring';
import { readReference, type Surroundings } from '@lockfast/keys';

import type { Arguments } from '../arguments.ts';
import { nearest } from '../nearest.ts';
import type { Session } from '../session.ts';
import type { ConfiguredColumn } from './declared.ts';
import { numberOption } from './number-option.ts';

/** Reads the values of one column that are in the other library's format. */
export type ForeignOf = (column: ConfiguredColumn) => ForeignFormat;

/** Which formats an option is for. */
const OPTIONS: Readonly<Record<string, readonly ForeignFormatName[]>> = {
  'from-key': FOREIGN_FORMATS,
  'from-salt': ['rails'],
  'from-place': ['lockbox'],
  'from-algorithm': ['typeorm-encrypted'],
  'from-iv-bytes': ['typeorm-encrypted'],
};

const MOST_IV_BYTES = 16;

/**
 * Undefined without --from.
 *
 * @throws LockfastError `usage`; `invalid-source`, `source-unavailable`, `invalid-key`, `unsupported-format`
 */
export function foreignOption(args: Arguments, session: Session, around: Surroundings): ForeignOf | undefined {
  const format = args.text('from');
  refuseOptionsOfOthers(args, session, format);
  if (format === undefined) return undefined;
  const keys = args.list('from-key').map((uri) => keyAt(uri, `key of ${format}`, around));
  if (keys.length === 0) throw new LockfastError('usage', `${session.command}: --from needs a key of that library`, 'name it by reference: --from-key env:NAME, file:PATH or credential:NAME');
  if (format === 'lockbox') return (column) => new Lockbox(keys, ...lockboxPlace(args, session, column));
  const made = format === 'cloak' ? new Cloak(keys) : format === 'rails' ? new Rails(keys, saltOf(args, session, around)) : typeormEncrypted(args, session, keys);
  return () => made;
}

function refuseOptionsOfOthers(args: Arguments, { command }: Session, format: string | undefined): void {
  if (format !== undefined && !(FOREIGN_FORMATS as readonly string[]).includes(format)) {
    const near = nearest(format, FOREIGN_FORMATS);
    throw new LockfastError('usage', `${command}: --from names no format that is read`, near === undefined ? `use one of: ${FOREIGN_FORMATS.join(', ')}` : `did you mean ${near}?`);
  }
  for (const [option, formats] of Object.entries(OPTIONS)) {
    const given = args.text(option) !== undefined || args.list(option).length > 0;
    if (given && !(formats as readonly (string | undefined)[]).includes(format)) {
      throw new LockfastError('usage', `${command}: --${option} goes with --from ${formats.join(' or ')}`, 'leave it out, or name that format');
    }
  }
}

function keyAt(uri: string, what: string, around: Surroundings): ForeignKey {
  const text = readReference(uri, what, around);
  // A reference that is none may be the key itself, as where a shell put it into env:$KEY: only what was read by it is named.
  if (text === undefined) throw new LockfastError('invalid-key', `the variable that is named for a ${what} is not set`, 'name the variable itself, env:NAME and not env:$NAME, and set it');
  if (text.trim() === '') throw new LockfastError('invalid-key', `${uri}: it is empty`, `set it to the ${what}`);
  return { name: uri, key: new Secret(Buffer.from(text, 'utf8')) };
}

function saltOf(args: Arguments, { command }: Session, around: Surroundings): Secret {
  const uri = args.text('from-salt');
  if (uri === undefined) throw new LockfastError('usage', `${command}: --from rails needs --from-salt`, "name where the application's key_derivation_salt is: env:NAME, file:PATH or credential:NAME");
  return keyAt(uri, 'key_derivation_salt', around).key;
}

/** The names that the model had when the values were written; without the option the declared ones. */
function lockboxPlace(args: Arguments, { command }: Session, { table, column }: ConfiguredColumn): readonly [table: string, attribute: string] {
  const place = args.text('from-place');
  if (place === undefined) return [table.split('.').at(-1)!.replaceAll('"', ''), column];
  const [, from, attribute] = /^([^.]+)\.([^.]+)$/.exec(place) ?? [];
  if (from === undefined) throw new LockfastError('usage', `${command}: --from-place is not TABLE.COLUMN`, 'for example users.email_ciphertext');
  return [from, attribute!];
}

function typeormEncrypted(args: Arguments, session: Session, keys: readonly ForeignKey[]): TypeormEncrypted {
  return new TypeormEncrypted(keys, args.text('from-algorithm') ?? 'aes-256-cbc', numberOption(args, session, 'from-iv-bytes', MOST_IV_BYTES) ?? MOST_IV_BYTES);
}
