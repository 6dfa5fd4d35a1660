/**
 * A second implementation of the last line of an encrypted env file, from `docs/formats/env-file.md` and `node:crypto`
 * alone. It makes the files that Lockfast never writes: altered ones whose checksum, or even whose MAC, is right.
 */
import { createHash, createHmac, pbkdf2Sync } from 'node:crypto';

import type { KeyRing } from '@lockfast/core/keyring';

/** lp(x1..xn) = u32be n, then for each: u32be length | UTF-8 */
export function lp(...parts: readonly string[]): Buffer {
  const u32 = (value: number): Buffer => {
    const out = Buffer.alloc(4);
    out.writeUInt32BE(value);
    return out;
  };
  return Buffer.concat([u32(parts.length), ...parts.flatMap((part) => [u32(Buffer.byteLength(part)), Buffer.from(part)])]);
}

/** HKDF-Expand for one block. */
export function expanded(prk: Buffer, info: Buffer, length: number): Buffer {
  return createHmac('sha256', prk).update(info).update(Buffer.of(1)).digest().subarray(0, length);
}

/** The lines of a file, header first, without line feeds. */
export type Lines = readonly string[];

export function linesOf(file: Buffer): string[] {
  return file.toString('latin1').split('\n').slice(0, -1);
}

/** The file of these lines, with a checksum that fits them: what anyone can make. */
export function withChecksum(lines: Lines): Buffer {
  const text = `${lines.join('\n')}\n`;
  const hashed = text.slice(0, text.lastIndexOf(' sha256=') + ' sha256='.length);
  return Buffer.from(`${hashed}${createHash('sha256').update(hashed, 'latin1').digest('base64url')}\n`, 'latin1');
}

/** The file of these lines with everything made anew for the header's key: what only a holder of the key can make. */
export function withMac(lines: Lines, ring: KeyRing): Buffer {
  const field = (name: string): string => new RegExp(` ${name}=([^ ]*)`).exec(lines[0]!)![1]!;
  const tenant = decodeURIComponent(field('tenant'));
  const [method, secret] = field('derivation').split('+tenant:') as [string, string?];
  const [derivation, iterations] = method.split(':');
  const own = secret === undefined ? Buffer.alloc(0) : ring.tenantSecret(tenant, secret).use((bytes) => Buffer.from(bytes));
  const salt = Buffer.concat([Buffer.from(field('salt'), 'base64url'), own]);
  const prk = ring
    .decrypting(field('key'))
    .secret.use((key) => (derivation === 'hkdf' ? createHmac('sha256', salt).update(key).digest() : pbkdf2Sync(key, salt, Number(iterations), 32, 'sha256')));
  const check = expanded(prk, lp('lockfast/env-check'), 16).toString('base64url');
  const covered = `${lines.slice(0, -1).join('\n')}\n#lockfast-end check=${check} mac=`;
  const macKey = expanded(prk, lp('lockfast/env-mac', field('environment'), tenant), 32);
  const mac = createHmac('sha256', macKey).update(covered, 'latin1').digest('base64url');
  return withChecksum(`${covered}${mac} sha256=`.split('\n'));
}
