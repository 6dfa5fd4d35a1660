/** What the matcher looks for. */
import { LEAST_BYTES, LEAST_BYTES_ANYWHERE } from './maskable.ts';
import { inspected } from './spellings/byte-list.ts';
import { byteText, spellingsOf } from './spellings/spellings.ts';

export interface Needle {
  /** A character for each byte. ASCII letters of either case match. */
  readonly text: string;
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
  const raw = byteText(value);
  const front = isOpaque(value, value.slice(0, SHOWN_PART)) ? SHOWN_PART : 0;
  const needles = spellingsOf(value).map((text): Needle => (text === raw ? { text, whole: raw.length < LEAST_BYTES_ANYWHERE, beginning: front } : plain(text)));
  const end = value.slice(-SHOWN_PART);
  if (isOpaque(value, end)) needles.push(plain(end));
  if (raw.length > INSPECTED_BYTES) needles.push(plain(inspected(Buffer.from(raw, 'latin1').subarray(0, INSPECTED_BYTES))));
  return needles.filter(({ text }) => text.length >= LEAST_BYTES);
}

function plain(text: string): Needle {
  return { text, whole: false, beginning: 0 };
}

/** A random token, not words or a path: then a part of it stands for nothing else. */
function isOpaque(value: string, part: string): boolean {
  return value.length >= LEAST_OPAQUE && /^[A-Za-z0-9+=_-][A-Za-z0-9+/=_-]*$/.test(value) && /\d/.test(part) && /[A-Za-z]/.test(part);
}
