/** In which forms a value may stand in a file: the bytes to look for. */
import { bitsOf, LEAST_BITS, LEAST_BYTES } from './strength.ts';

export interface Needle {
  /** `raw`, `base64`, `base64url`, `hex`, `percent`, `json`, `utf-16`, `line`, `password`. */
  readonly form: string;
  readonly bytes: Buffer;
}

/** Of a value of many lines, such as a PEM key, these alone are looked for by themselves. */
const MOST_LINES = 64;
const LEAST_LINE = 40;

/** Why a value is not looked for, or its needles. */
export type Guarded = { readonly needles: readonly Needle[]; readonly why: undefined } | { readonly needles: undefined; readonly why: string };

export function needlesOf(value: string): Guarded {
  const text = value.trim();
  const password = passwordIn(text);
  if (Buffer.byteLength(text) < LEAST_BYTES) return refused(`it has less than ${LEAST_BYTES} bytes`);
  if (password === undefined && bitsOf(behindHost(text)) < LEAST_BITS) return refused(behindHost(text) === text ? 'it could be guessed' : 'it is a URL without a secret in it');
  if (bitsOf(text) < LEAST_BITS) return refused('it could be guessed');
  // A URL as a whole says nothing that its password does not, where that is strong enough; elsewhere the whole counts.
  const inner = password !== undefined && Buffer.byteLength(password) >= LEAST_BYTES && bitsOf(password) >= LEAST_BITS ? [password] : [];
  const needles = [...formsOf(Buffer.from(text)), ...linesOf(text), ...inner.flatMap((one) => formsOf(Buffer.from(one)).map((needle) => ({ ...needle, form: needle.form === 'raw' ? 'password' : needle.form })))];
  return { needles: distinct(needles), why: undefined };
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
    ...[0, 1, 2].flatMap((shift) => base64Needles(bytes, shift)),
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

/** The characters that depend on the value alone, wherever in the encoded whole it begins. */
function base64Needles(bytes: Buffer, shift: number): Needle[] {
  const padded = Buffer.concat([Buffer.alloc(shift), bytes]);
  const [from, to] = [Math.ceil((shift * 8) / 6), Math.floor((padded.length * 8) / 6)];
  return (['base64', 'base64url'] as const).map((form) => ({ form, bytes: Buffer.from(padded.toString(form).slice(from, to)) }));
}

function linesOf(text: string): Needle[] {
  if (!text.includes('\n') && !text.includes('\\n')) return [];
  const lines = text.split(/\r?\n|\\n/).map((line) => line.trim());
  return lines.filter((line) => line.length >= LEAST_LINE && bitsOf(line) >= LEAST_BITS).slice(0, MOST_LINES).map((line) => ({ form: 'line', bytes: Buffer.from(line) }));
}

/** Of a URL, what does not say where it leads: a webhook has its secret in the path. */
function behindHost(text: string): string {
  return /^[a-z][a-z0-9+.-]*:\/\/[^/?#\s]*(\S*)$/i.exec(text)?.[1] ?? text;
}

/** As it stands in a URL, percent signs and all. */
function passwordIn(text: string): string | undefined {
  return /^[a-z][a-z0-9+.-]*:\/\/[^:/?#@\s]*:([^/?#\s]+)@/i.exec(text)?.[1];
}

function distinct(needles: readonly Needle[]): Needle[] {
  const seen = new Set<string>();
  return needles.filter(({ bytes }) => {
    const key = bytes.toString('latin1');
    return bytes.length >= LEAST_BYTES && !seen.has(key) && seen.add(key) !== undefined;
  });
}
