/** What the matcher looks for. */
import { LEAST_BYTES, LEAST_BYTES_ANYWHERE } from './maskable.ts';
import { inspected } from './spellings/byte-list.ts';
import { spellingsOf } from './spellings/index.ts';

export interface Needle {
  /** ASCII letters of either case match. */
  readonly bytes: Uint8Array;
  /** Only where no letter, digit or underscore is beside it. */
  readonly whole: boolean;
  /** A beginning of this many bytes is masked, too: logs cut long values. 0: none. */
  readonly beginning: number;
}

/** Of what is logged in part, so much from the front or the end. */
const SHOWN_PART = 12;
const LEAST_OPAQUE = 24;
/** How many bytes `<Buffer ...>` shows. */
const INSPECTED_BYTES = 50;

/** @param value trimmed, and maskable */
export function needlesOf(value: string): Needle[] {
  const raw = Buffer.from(value, 'utf8');
  const front = isOpaque(value, value.slice(0, SHOWN_PART)) ? SHOWN_PART : 0;
  const needles = spellingsOf(value).map((bytes, i): Needle => ({ bytes, whole: raw.length < LEAST_BYTES_ANYWHERE && isCopy(bytes, raw), beginning: i === 0 ? front : 0 }));
  const end = value.slice(-SHOWN_PART);
  if (isOpaque(value, end)) needles.push(plain(end, 0));
  if (raw.length > INSPECTED_BYTES) needles.push(plain(inspected(raw.subarray(0, INSPECTED_BYTES)), 0));
  return needles.filter(({ bytes }) => bytes.length >= LEAST_BYTES);
}

function plain(text: string, beginning: number): Needle {
  return { bytes: Buffer.from(text, 'utf8'), whole: false, beginning };
}

/** Spelt as it is, more or less: an encoded text has other encoded text beside it. */
function isCopy(bytes: Uint8Array, raw: Uint8Array): boolean {
  return bytes.length === raw.length && Buffer.from(bytes).equals(raw);
}

/** A random token, not words or a path: then a part of it stands for nothing else. */
function isOpaque(value: string, part: string): boolean {
  return value.length >= LEAST_OPAQUE && /^[A-Za-z0-9+=_-][A-Za-z0-9+/=_-]*$/.test(value) && /\d/.test(part) && /[A-Za-z]/.test(part);
}
