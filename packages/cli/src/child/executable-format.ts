/**
 * Whether `process.execve` will surely succeed. It has to be known beforehand: when the kernel refuses, Node aborts with
 * status 134, a stack trace and perhaps a core file with the secrets in it, and no `catch` sees it.
 *
 * - `sure`: an ELF program of this machine whose dynamic linker is there, or a `#!` script whose interpreter is such a
 *   program, or is a script of one.
 * - `doubtful`: to be spawned, where a refusal is an ordinary error.
 * - Never: an exception. A text without `#!` belongs here: `execvp` would hand it to /bin/sh, but nobody asked for a
 *   shell; env(1) and systemd refuse it, too.
 *
 * What can't be seen from here, and is not covered: a file that someone holds open for writing without having written
 * for two seconds (ETXTBSY), a file capability outside the bounding set (EPERM), a security module that forbids this
 * program alone.
 */
import { accessSync, closeSync, constants, fstatSync, openSync, readSync, statSync } from 'node:fs';

import { LockfastError } from '@lockfast/core/errors';

import { hasBinaryHandler } from './binary-handlers.ts';
import { HEAD_BYTES, inspectElf, isElf, type ProgramFile } from './elf.ts';
import { shown } from './find-command.ts';

export type Certainty = 'sure' | 'doubtful';

/** A file written so lately may still be open for writing; the kernel refuses to run it then (ETXTBSY). */
const SETTLED_AFTER_MS = 2000;
/** Kernels before 5.1 look at 128 bytes of a script, later ones at 256. */
const SCRIPT_BYTES = 256;
const OLD_SCRIPT_BYTES = 128;
/** A script, its interpreter that is a script again, and the program that runs both. The kernel allows more. */
const MOST_SCRIPTS = 2;

/**
 * @param path a file that `findCommand` returned
 * @throws LockfastError `command-not-executable` when the kernel surely refuses it
 */
export function executableFormat(path: string): Certainty {
  return process.platform === 'linux' ? judge(path, path, 1) : 'doubtful';
}

function judge(path: string, command: string, depth: number): Certainty {
  const certainty = withProgram(path, (file) => {
    const content = judgeContent(file, path, command, depth);
    return Math.abs(Date.now() - file.modified) < SETTLED_AFTER_MS ? 'doubtful' : content;
  });
  return certainty ?? 'doubtful';
}

/** @returns undefined when it can't be read, which a program need not be */
function withProgram<T>(path: string, use: (file: ProgramFile & { readonly modified: number }) => T): T | undefined {
  let descriptor: number | undefined;
  try {
    descriptor = openSync(path, 'r');
    const { size, mtimeMs } = fstatSync(descriptor);
    const head = Buffer.alloc(HEAD_BYTES);
    const length = readSync(descriptor, head, 0, HEAD_BYTES, 0);
    return use({ descriptor, size, head: head.subarray(0, length), modified: mtimeMs });
  } catch (error) {
    if (error instanceof LockfastError) throw error;
    return undefined;
  } finally {
    if (descriptor !== undefined) closeSync(descriptor);
  }
}

function judgeContent(file: ProgramFile, path: string, command: string, depth: number): Certainty {
  const { head } = file;
  if (isElf(head)) return judgeElf(file, path, command);
  // the kernel asks these first, so one may claim a script by its name
  if (hasBinaryHandler(path, head)) return 'doubtful';
  if (head.length >= 2 && head.toString('latin1', 0, 2) === '#!') return judgeScript(file, path, command, depth);
  throw refusal(command, path, 'neither a program of this machine nor a script with a #! line', 'add a #! line such as #!/bin/sh, or run it with its interpreter');
}

function judgeElf(file: ProgramFile, path: string, command: string): Certainty {
  const elf = inspectElf(file);
  if (elf.kind !== 'native' && hasBinaryHandler(path, file.head)) return 'doubtful';
  if (elf.kind === 'foreign') throw refusal(command, path, 'a program for another kind of machine', `this machine is ${process.arch}; install the program for it`);
  if (elf.kind === 'broken') throw refusal(command, path, 'damaged: its ELF headers are incomplete or no program\'s', 'install it again');
  if (elf.kind === 'doubtful') return 'doubtful';
  if (elf.interpreter === undefined) return 'sure';
  refuseMissingInterpreter(elf.interpreter, command, 'install the C library that it was built for (glibc or musl)');
  return isNativeElf(elf.interpreter) ? 'sure' : 'doubtful';
}

/** `#!`, blanks, the interpreter up to a blank, NUL or the line's end; the rest of the line is one argument and never fails. */
function judgeScript({ head, size }: ProgramFile, path: string, command: string, depth: number): Certainty {
  const start = head.subarray(0, SCRIPT_BYTES).toString('latin1');
  const [, blanks, name] = /^#!([ \t]*)([^ \t\n\0]*)/.exec(start)!;
  if (name === '') throw refusal(command, path, 'a script whose #! line names no interpreter', 'name one, such as #!/bin/sh');
  const end = 2 + blanks!.length + name!.length;
  if (end === SCRIPT_BYTES && size > SCRIPT_BYTES) {
    throw refusal(command, path, 'a script whose #! line is longer than the kernel reads', 'use a shorter path, or #!/usr/bin/env NAME');
  }
  const interpreter = Buffer.from(name!, 'latin1').toString('utf8');
  const hint = interpreter.endsWith('\r') ? 'the #! line ends in a carriage return: save the script with LF line ends' : 'install it, or correct the #! line';
  refuseMissingInterpreter(interpreter, command, hint);
  const certainty = depth < MOST_SCRIPTS || isNativeElf(interpreter) ? judge(interpreter, command, depth + 1) : 'doubtful';
  return end >= OLD_SCRIPT_BYTES ? 'doubtful' : certainty;
}

function refuseMissingInterpreter(interpreter: string, command: string, hint: string): void {
  try {
    if (statSync(interpreter).isFile()) {
      accessSync(interpreter, constants.X_OK);
      return;
    }
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') {
      throw new LockfastError('command-not-executable', `${shown(command)} needs the interpreter ${shown(interpreter)}, which does not exist`, hint, error);
    }
  }
  throw new LockfastError('command-not-executable', `${shown(command)} needs the interpreter ${shown(interpreter)}, which can't be run`, hint);
}

function isNativeElf(path: string): boolean {
  return withProgram(path, (file) => isElf(file.head) && inspectElf(file).kind === 'native') ?? false;
}

function refusal(command: string, path: string, what: string, hint: string): LockfastError {
  const through = path === command ? '' : ` needs the interpreter ${shown(path)}, which`;
  return new LockfastError('command-not-executable', `${shown(command)}${through} is ${what}`, hint);
}
