/** In which forms a value may stand in a file: the bytes to look for. */
import { alignedBase64, BASE64_ALIGNMENTS, passwordOfUrl } from '@lockfast/core/mask';

import { bitsOf, LEAST_BITS, LEAST_BYTES } from './strength.ts';

interface Needle {
  /** `raw`, `base64`, `base64url`, `hex`, `percent`, `json`, `utf-16`, `line`, `password`. */
  readonly form: string;
  readonly bytes: Buffer;
}

/** Of a value of many lines, such as a PEM key, these alone are looked for by themselves. */
const MOST_LINES = 64;
const LEAST_LINE = 40;

/** Why a value is not looked for, or its needles. */
export type Guarded = { readonly needles: readonly Needle[]; readonly why: undefined } | { readonly needles: undefined; readonly why: string };

/** Why a value is in no guard file, and is looked for all the same where the key ring opens. */
export const FOR_RING_ALONE = 'it is too short for a guard file: it is looked for where the key ring opens';

/** @param known how many bytes at the beginning of every form somebody may know: they do not count */
export function needlesOf(value: string, known: number): Guarded {
  const text = value.trim();
  const password = passwordOfUrl(text);
  // Of a URL, what leads somewhere is known to many: the secret in it must be strong by itself.
  const secret = password ?? behindHost(text);
  const beyond = secret.slice(Math.max(0, known - text.lastIndexOf(secret)));
  const isStrong = (part: string): boolean => Buffer.byteLength(part) >= LEAST_BYTES && bitsOf(part.slice(known)) >= LEAST_BITS;
  if (Buffer.byteLength(text) < LEAST_BYTES) return refused(`it has less than ${LEAST_BYTES} bytes`);
  if (bitsOf(password === undefined ? secret : text) < LEAST_BITS) return refused(secret === text ? 'it could be guessed' : 'it is a URL without a secret in it');
  if (known > 0 && bitsOf(beyond) < LEAST_BITS) return refused(FOR_RING_ALONE);
  const inner = password !== undefined && isStrong(password) ? formsOf(Buffer.from(password)).map((needle) => ({ ...needle, form: needle.form === 'raw' ? 'password' : needle.form })) : [];
  const lines = linesOf(text).filter(isStrong).slice(0, MOST_LINES).map((line) => ({ form: 'line', bytes: Buffer.from(line) }));
  return { needles: distinct([...formsOf(Buffer.from(text)), ...lines, ...inner]), why: undefined };
}

function refused(why: string): Guarded {
  return { needles: undefined, why };
}

function formsOf(bytes: Buffer): Needle[] {
  const text = bytes.toString('utf8');
  const hex = bytes.toString('hex');
  const percent = encodeURIComponent(text.toWellFormed());
  const json = JSON.stringify(text).slice(1, -1);
  return [
    { form: 'raw', bytes },
    ...BASE64_ALIGNMENTS.flatMap((before) => (['base64', 'base64url'] as const).map((form) => ({ form, bytes: Buffer.from(alignedBase64(bytes, before, form)) }))),
    { form: 'hex', bytes: Buffer.from(hex) },
    { form: 'hex', bytes: Buffer.from(hex.toUpperCase()) },
    { form: 'percent', bytes: Buffer.from(percent) },
    { form: 'percent', bytes: Buffer.from(percent.replaceAll(/%[0-9A-F]{2}/g, (code) => code.toLowerCase())) },
    { form: 'percent', bytes: Buffer.from(percent.replaceAll('%20', '+')) },
    { form: 'json', bytes: Buffer.from(json) },
    { form: 'json', bytes: Buffer.from(json.replaceAll('/', '\\/')) },
    { form: 'json', bytes: Buffer.from(JSON.stringify(json).slice(1, -1)) },
    { form: 'utf-16', bytes: Buffer.from(text, 'utf16le') },
    { form: 'crlf', bytes: Buffer.from(text.replaceAll('\n', '\r\n')) },
  ];
}

function linesOf(text: string): string[] {
  if (!text.includes('\n') && !text.includes('\\n')) return [];
  return text.split(/\r?\n|\\n/).map((line) => line.trim()).filter((line) => line.length >= LEAST_LINE);
}

/** Of a URL, what does not say where it leads: a webhook has its secret in the path. */
function behindHost(text: string): string {
  return /^[a-z][a-z0-9+.-]*:\/\/[^/?#\s]*(\S*)$/i.exec(text)?.[1] ?? text;
}

function distinct(needles: readonly Needle[]): Needle[] {
  const seen = new Set<string>();
  return needles.filter(({ bytes }) => {
    const key = bytes.toString('latin1');
    return bytes.length >= LEAST_BYTES && !seen.has(key) && seen.add(key) !== undefined;
  });
}
