/**
 * The kernel's table of interpreters for other formats, `binfmt_misc`: Java archives, Windows programs, programs of
 * another machine under qemu. What it claims is run by someone else's rules, so it is never sure, and never refused.
 */
import { readdirSync, readFileSync } from 'node:fs';

const TABLE = '/proc/sys/fs/binfmt_misc';
/** The kernel compares only the start of a file. */
const COMPARED_BYTES = 256;
const NO_HANDLER: ReadonlySet<string> = new Set(['register', 'status']);

/**
 * @param head the first bytes of the file
 * @param table the directory that holds one text file for each handler, and `status`
 */
export function hasBinaryHandler(path: string, head: Buffer, table = TABLE): boolean {
  let names: string[];
  try {
    names = readdirSync(table);
    if (names.length === 0 || readFileSync(`${table}/status`, 'latin1').trim() !== 'enabled') return false;
  } catch {
    // not mounted: the kernel may still hold a table that was filled elsewhere, but no way leads to it
    return false;
  }
  return names.some((name) => !NO_HANDLER.has(name) && claims(descriptionOf(`${table}/${name}`), path, head));
}

function descriptionOf(file: string): string {
  try {
    return readFileSync(file, 'latin1');
  } catch {
    return 'disabled';
  }
}

/** A handler goes by the name's ending, or by bytes at an offset, some of their bits masked. */
function claims(description: string, path: string, head: Buffer): boolean {
  if (!description.startsWith('enabled\n')) return false;
  const extension = /^extension \.(.+)$/m.exec(description)?.[1];
  if (extension !== undefined) return path.endsWith(`.${extension}`);
  const magic = bytesOf(description, 'magic');
  if (magic === undefined) return false;
  const offset = Number(/^offset (\d+)$/m.exec(description)?.[1] ?? 0);
  const mask = bytesOf(description, 'mask');
  if (offset + magic.length > COMPARED_BYTES) return false;
  return magic.every((byte, i) => (((head[offset + i] ?? 0) ^ byte) & (mask?.[i] ?? 0xff)) === 0);
}

function bytesOf(description: string, field: 'magic' | 'mask'): Buffer | undefined {
  const hex = new RegExp(`^${field} ([0-9a-f]+)$`, 'm').exec(description)?.[1];
  return hex === undefined ? undefined : Buffer.from(hex, 'hex');
}
