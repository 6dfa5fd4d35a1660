/**
 * A key wrapped under a passphrase, as text: `<kdf>:<parameters>:<salt>:<wrapped key>`, for example
 * `argon2id:m=65536,t=3,p=4:...:...`. The parameters come from a file, so they have floors and ceilings.
 */
import crypto, { pbkdf2, randomBytes } from 'node:crypto';
import { promisify } from 'node:util';

import { LockfastError } from '../errors.ts';
import { PBKDF2_ITERATIONS } from '../formats/derivation.ts';
import { Secret } from './secret.ts';
import { unwrapKey, wrapKey } from './wrapping.ts';

const SALT_BYTES = 32;

interface Parameter {
  readonly least: number;
  readonly most: number;
}

/** Floors after OWASP's Password Storage Cheat Sheet; ceilings keep one try under about ten seconds and 1 GiB. */
const KDFS = {
  argon2id: { m: { least: 19_456, most: 1_048_576 }, t: { least: 1, most: 16 }, p: { least: 1, most: 16 } },
  'pbkdf2-sha256': { i: PBKDF2_ITERATIONS },
} as const satisfies Record<string, Record<string, Parameter>>;

type PassphraseKdf = keyof typeof KDFS;

/** RFC 9106 section 4, second recommended option: 64 MiB, 3 passes, 4 lanes. */
const USUAL = { argon2id: 'm=65536,t=3,p=4', 'pbkdf2-sha256': `i=${PBKDF2_ITERATIONS.usual}` } as const;

/** A KDF with its parameters, checked. */
export interface KdfChoice {
  readonly kdf: PassphraseKdf;
  /** As in the text, for example `m=65536,t=3,p=4`. */
  readonly parameters: string;
}

export const USUAL_KDF: KdfChoice = { kdf: 'argon2id', parameters: USUAL.argon2id };

/** `argon2id`, `pbkdf2-sha256`, or either with parameters as `argon2id:m=65536,t=3,p=4`. @throws LockfastError `parameters-out-of-range` */
export function parseKdf(text: string): KdfChoice {
  const [kdf, parameters] = text.split(':', 2);
  if (kdf !== 'argon2id' && kdf !== 'pbkdf2-sha256') throw outOfRange('names no known key derivation');
  const choice = { kdf, parameters: parameters ?? USUAL[kdf] } as const;
  numbers(choice);
  return choice;
}

/** @param passphrase its bytes, used as they are. @throws LockfastError `invalid-key` when it is empty */
export async function wrapUnderPassphrase(passphrase: Secret, choice: KdfChoice, key: Secret, binding: Uint8Array): Promise<string> {
  const salt = randomBytes(SALT_BYTES);
  const wrapping = await stretch(passphrase, choice, salt);
  return [choice.kdf, choice.parameters, salt.toString('base64url'), wrapKey(wrapping, 'lockfast/ring-wrap', key, binding)].join(':');
}

/** @throws LockfastError `malformed`, `parameters-out-of-range`, `wrong-key`, `moved-or-altered` */
export async function unwrapUnderPassphrase(passphrase: Secret, text: string, binding: Uint8Array): Promise<Secret> {
  const [kdf, parameters, saltText, wrapped, ...rest] = text.split(':');
  const salt = Buffer.from(saltText ?? '', 'base64url');
  if (wrapped === undefined || rest.length > 0 || salt.length !== SALT_BYTES || salt.toString('base64url') !== saltText) {
    throw new LockfastError('malformed', 'a key wrapped under a passphrase is cut short or altered', 'restore the file from another copy');
  }
  const wrapping = await stretch(passphrase, parseKdf(`${kdf}:${parameters}`), salt);
  return unwrapKey(wrapping, 'lockfast/ring-wrap', wrapped, binding);
}

const pbkdf2Async = promisify(pbkdf2);

async function stretch(passphrase: Secret, choice: KdfChoice, salt: Buffer): Promise<Secret> {
  const values = numbers(choice);
  const message = passphrase.use((bytes) => Buffer.from(bytes));
  if (message.length === 0) throw new LockfastError('invalid-key', 'the passphrase is empty', 'give one that nobody can guess');
  try {
    const key =
      choice.kdf === 'argon2id'
        ? await argon2id({ message, nonce: salt, memory: values['m']!, passes: values['t']!, parallelism: values['p']!, tagLength: 32 })
        : await pbkdf2Async(message, salt, values['i']!, 32, 'sha256');
    return new Secret(key);
  } finally {
    message.fill(0);
  }
}

/** Looked up when it is needed: Node 24.0 to 24.6 do everything else without it. @throws LockfastError `tool-missing` */
async function argon2id(parameters: crypto.Argon2Parameters): Promise<Buffer> {
  if (crypto.argon2 === undefined) {
    throw new LockfastError('tool-missing', `Node ${process.version} has no Argon2id`, 'use Node 24.7 or newer, or --kdf pbkdf2-sha256');
  }
  return promisify(crypto.argon2)('argon2id', parameters);
}

/** The parameters by name, each within its bounds. */
function numbers({ kdf, parameters }: KdfChoice): Record<string, number> {
  const bounds: Record<string, Parameter> = KDFS[kdf];
  const values: Record<string, number> = Object.create(null);
  for (const part of parameters.split(',')) {
    const [, name, digits] = /^([a-z])=([1-9][0-9]{0,8})$/.exec(part) ?? [];
    const bound = name === undefined ? undefined : bounds[name];
    const value = Number(digits);
    if (name === undefined || bound === undefined || name in values || value < bound.least || value > bound.most) {
      throw outOfRange('has a work factor that is too small or too large');
    }
    values[name] = value;
  }
  if (Object.keys(values).length !== Object.keys(bounds).length) throw outOfRange('lacks a work factor');
  if (kdf === 'argon2id' && values['m']! * values['t']! > 4 * 1_048_576) throw outOfRange('has a work factor that is too large');
  return values;
}

function outOfRange(what: string): LockfastError {
  return new LockfastError(
    'parameters-out-of-range',
    `the passphrase's key derivation ${what}`,
    'the file was made by other software or altered: restore it from another copy',
  );
}
