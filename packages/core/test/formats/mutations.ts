/** Input for parsers that is nearly right, or not at all. */
import type { Chance } from './chance.ts';

/** What parsers have stumbled over: separators, signs, the ends of ranges, escapes. */
const TOKENS = ['\0', '\n', '\r\n', ' ', '.', ':', ',', '=', '"', '\\', '{', '}', '[', ']', '\ufeff', 'é', '🔑', '-1', '1e9', '999999999', 'lfv1.', '../', '__proto__', 'null', 'A'.repeat(64)];

/** The bytes with one to four changes of the kinds that happen: a bit, a byte, a piece left out, doubled, moved or put in. */
export function mutated(chance: Chance, seed: Uint8Array): Buffer {
  let bytes: Buffer = Buffer.from(seed);
  for (let left = 1 + chance.below(4); left > 0; left--) bytes = changed(chance, bytes);
  return bytes;
}

function changed(chance: Chance, bytes: Buffer): Buffer {
  const at = chance.below(bytes.length + 1);
  const end = Math.min(bytes.length, at + chance.below(16));
  const splice = (put: Uint8Array, from = at, to = at): Buffer => Buffer.concat([bytes.subarray(0, from), put, bytes.subarray(to)]);
  switch (chance.below(8)) {
    case 0:
      if (at < bytes.length) bytes[at]! ^= 1 << chance.below(8);
      return bytes;
    case 1:
      if (at < bytes.length) bytes[at] = chance.below(256);
      return bytes;
    case 2:
      return splice(Buffer.alloc(0), at, end);
    case 3:
      return splice(bytes.subarray(at, end));
    case 4:
      return splice(chance.bytes(chance.below(8)));
    case 5:
      return splice(Buffer.from(chance.pick(TOKENS)));
    case 6:
      return bytes.subarray(0, at);
    default:
      return Buffer.concat([bytes.subarray(at), bytes.subarray(0, at)]);
  }
}

/** A text of any kind of characters, lone surrogates among them. */
export function someText(chance: Chance): string {
  let text = '';
  for (let left = chance.below(20); left > 0; left--) {
    const kind = chance.below(5);
    if (kind === 0) text += chance.pick(TOKENS);
    else if (kind === 1) text += String.fromCharCode(chance.below(0x10000));
    else if (kind === 2) text += String.fromCodePoint(chance.below(0x110000));
    else text += String.fromCharCode(0x20 + chance.below(0x5f));
  }
  return text;
}

/** A JavaScript value of any shape, often nearly a context. */
export function someJson(chance: Chance, depth = 3): unknown {
  switch (chance.below(depth === 0 ? 7 : 11)) {
    case 0:
      return null;
    case 1:
      return undefined;
    case 2:
      return someText(chance);
    case 3:
      return chance.pick([Number.NaN, -0, 1.5, 2 ** 53, -1, 1e300, Number.POSITIVE_INFINITY]);
    case 4:
      return BigInt(chance.below(1000)) ** 9n;
    case 5:
      return chance.below(2) === 0;
    case 6:
      return chance.bytes(chance.below(5));
    case 7:
      return Array.from({ length: chance.below(4) }, () => someJson(chance, depth - 1));
    case 8:
      return { [someText(chance)]: someJson(chance, depth - 1) };
    default:
      return { tenant: someJson(chance, depth - 1), place: chance.below(3) === 0 ? someJson(chance, depth - 1) : [someJson(chance, 0), someJson(chance, 0)] };
  }
}
