/**
 * Whether the kernel takes an ELF file: the checks of `load_elf_binary` up to its point of no return, done beforehand.
 *
 * What comes after that point (a missing shared library, a segment beyond the end of the file) fails in the new program,
 * as it does without us. Only ELF of this process's own class is judged; a 32-bit program on a 64-bit machine may run or
 * not, and is tried instead.
 */
import { closeSync, openSync, readSync } from 'node:fs';

/** As much of a program as one read brings; the headers of nearly every program lie in it. */
export const HEAD_BYTES = 4096;

const HEADER_BYTES = 64;
const PROGRAM_HEADER_BYTES = 56;
const MOST_PROGRAM_HEADER_BYTES = 65_536;
const CLASS_64 = 2;
const LITTLE_ENDIAN = 1;
const EXECUTABLE_TYPES: readonly number[] = [2, 3];
const PT_INTERP = 3;
const PATH_MAX = 4096;

/** An open file with its first bytes. */
export interface ProgramFile {
  readonly descriptor: number;
  readonly size: number;
  readonly head: Buffer;
}

export type ElfKind =
  /** Starts, provided that its interpreter (the dynamic linker) is to be had. */
  | { readonly kind: 'native'; readonly interpreter: string | undefined }
  /** Of another machine or byte order. */
  | { readonly kind: 'foreign' }
  /** The kernel answers ENOEXEC: cut off, or no program at all. */
  | { readonly kind: 'broken' }
  /** Perhaps. */
  | { readonly kind: 'doubtful' };

export function isElf(head: Buffer): boolean {
  return head.length >= 4 && head.readUInt32BE(0) === 0x7f_45_4c_46;
}

/** @param file one for which `isElf` is true */
export function inspectElf(file: ProgramFile): ElfKind {
  const { head } = file;
  const own = ownHeader();
  if (head.length < HEADER_BYTES) return { kind: 'broken' };
  if (own === undefined || own[4] !== CLASS_64 || head[4] !== own[4]) return { kind: 'doubtful' };
  if (head[5] !== own[5]) return { kind: 'foreign' };
  const little = head[5] === LITTLE_ENDIAN;
  const header = viewOf(head);
  const type = header.getUint16(16, little);
  if (header.getUint16(18, little) !== viewOf(own).getUint16(18, little)) return { kind: 'foreign' };
  if (!EXECUTABLE_TYPES.includes(type) || header.getUint16(54, little) !== PROGRAM_HEADER_BYTES) return { kind: 'broken' };
  // e_flags names an ABI on some machines (POWER, RISC-V); on x86-64 and arm64 it is zero
  if (header.getUint32(48, little) !== viewOf(own).getUint32(48, little)) return { kind: 'doubtful' };
  const length = header.getUint16(56, little) * PROGRAM_HEADER_BYTES;
  if (length === 0 || length > MOST_PROGRAM_HEADER_BYTES) return { kind: 'broken' };
  const table = bytesAt(file, header.getBigUint64(32, little), length);
  return table === undefined ? { kind: 'broken' } : withInterpreter(file, table, little);
}

/** The first PT_INTERP counts, as it does for the kernel. */
function withInterpreter(file: ProgramFile, table: Buffer, little: boolean): ElfKind {
  const view = viewOf(table);
  for (let at = 0; at < table.length; at += PROGRAM_HEADER_BYTES) {
    if (view.getUint32(at, little) !== PT_INTERP) continue;
    const length = view.getBigUint64(at + 32, little);
    if (length < 2n || length > PATH_MAX) return { kind: 'broken' };
    const path = bytesAt(file, view.getBigUint64(at + 8, little), Number(length));
    if (path === undefined || path.at(-1) !== 0) return { kind: 'broken' };
    return { kind: 'native', interpreter: path.toString('utf8', 0, path.indexOf(0)) };
  }
  return { kind: 'native', interpreter: undefined };
}

function bytesAt({ descriptor, size, head }: ProgramFile, offset: bigint, length: number): Buffer | undefined {
  if (offset + BigInt(length) > BigInt(size)) return undefined;
  const start = Number(offset);
  if (start + length <= head.length) return head.subarray(start, start + length);
  const bytes = Buffer.alloc(length);
  return readSync(descriptor, bytes, 0, length, start) === length ? bytes : undefined;
}

function viewOf(bytes: Buffer): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
}

let own: Buffer | undefined;

/** The header of the program that runs now: whatever this machine is, it is what this machine runs. */
function ownHeader(): Buffer | undefined {
  if (own !== undefined) return own;
  try {
    const descriptor = openSync('/proc/self/exe', 'r');
    try {
      const bytes = Buffer.alloc(HEADER_BYTES);
      if (readSync(descriptor, bytes, 0, HEADER_BYTES, 0) === HEADER_BYTES && isElf(bytes)) own = bytes;
    } finally {
      closeSync(descriptor);
    }
  } catch {
    // no /proc, or not readable: nothing is sure then
  }
  return own;
}
