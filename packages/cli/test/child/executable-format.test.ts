import { closeSync, copyFileSync, openSync, readFileSync, realpathSync, writeSync } from 'node:fs';
import { join } from 'node:path';

import { afterAll, describe, expect, test } from 'vitest';

import { hasBinaryHandler } from '../../src/child/binary-handlers.ts';
import { executableFormat } from '../../src/child/executable-format.ts';
import { run, scratch } from './fixtures/processes.ts';

const place = scratch();
afterAll(() => place[Symbol.dispose]());

const trueProgram = readFileSync(realpathSync('/bin/true'));
const interpreterAt = Number(programHeader(3).readBigUInt64LE(8));

/** A copy of /bin/true with some bytes changed. */
function altered(name: string, change: (bytes: Buffer) => Buffer | void): string {
  const bytes = Buffer.from(trueProgram);
  return place.file(name, change(bytes) ?? bytes);
}

function programHeader(type: number): Buffer {
  const start = Number(trueProgram.readBigUInt64LE(32));
  for (let i = 0; i < trueProgram.readUInt16LE(56); i += 1) {
    const header = trueProgram.subarray(start + i * 56, start + (i + 1) * 56);
    if (header.readUInt32LE(0) === type) return header;
  }
  throw new Error(`no program header of type ${type}`);
}

const script = place.file('script', '#!/bin/sh\n');

describe('sure: process.execve succeeds', () => {
  test.each([
    ['a program', '/bin/true'],
    ['the Node that runs this', process.execPath],
    ['a script', script],
    ['a script of a script', place.file('second', `#!${script}\n`)],
    ['a script through env', place.file('through-env', '#!/usr/bin/env sh\n')],
    ['a script through env -S', place.file('through-env-s', '#!/usr/bin/env -S sh -e\n')],
    ['blanks around the interpreter', place.file('blanks', '#! \t/bin/sh \t-e  \n')],
    ['no line end at all', place.file('no-newline', '#!/bin/sh')],
    ['arguments longer than the kernel reads', place.file('long-arguments', `#!/bin/sh -${'e'.repeat(400)}\n`)],
    ['a static program', altered('static', (bytes) => void bytes.writeUInt32LE(0, headerOffset(3)))],
  ])('%s', (_, path) => {
    expect(executableFormat(path)).toBe('sure');
  });
});

describe('doubtful: to be spawned', () => {
  test.each([
    ['a file of this second', place.file('fresh', trueProgram, 0o755, 0)],
    ['a script whose interpreter is of this second', place.file('of-fresh', `#!${place.file('fresh-shell', '#!/bin/sh\n', 0o755, 0)}\n`)],
    ['a 32-bit program', altered('class-32', (bytes) => void (bytes[4] = 1))],
    ['another ABI', altered('flags', (bytes) => void bytes.writeUInt32LE(7, 48))],
    ['three scripts deep', place.file('third', `#!${place.file('second-again', `#!${script}\n`)}\n`)],
  ])('%s', (_, path) => {
    expect(executableFormat(path)).toBe('doubtful');
  });
});

describe('never: 126', () => {
  test.each([
    ['a text without #!', place.file('text', 'echo hello\n'), /neither a program .* nor a script/, /#!\/bin\/sh/],
    ['an empty file', place.file('empty', ''), /neither/, /#!/],
    ['a program for another machine', altered('machine', (bytes) => void bytes.writeUInt16LE(243, 18)), /another kind of machine/, /install/],
    ['another byte order', altered('big-endian', (bytes) => void (bytes[5] = 2)), /another kind of machine/, /install/],
    ['a program cut off in its header', altered('cut-header', (bytes) => bytes.subarray(0, 40)), /damaged/, /install/],
    ['a program cut off in its table', altered('cut-table', (bytes) => bytes.subarray(0, 100)), /damaged/, /install/],
    ['a program cut off before its linker\'s name', altered('cut-interpreter', (bytes) => bytes.subarray(0, interpreterAt + 4)), /damaged/, /install/],
    ['an object file', altered('object', (bytes) => void bytes.writeUInt16LE(1, 16)), /damaged/, /install/],
    ['no program headers', altered('no-headers', (bytes) => void bytes.writeUInt16LE(0, 56)), /damaged/, /install/],
    ['a dynamic linker that is not here', altered('musl', (bytes) => void bytes.write('/lib/ld-musl-x.so\0', interpreterAt)), /needs the interpreter "\/lib\/ld-musl-x.so"/, /C library/],
    ['#! to nothing', place.file('missing', '#!/no/such/shell\n'), /"\/no\/such\/shell", which does not exist/, /#! line/],
    ['#! with a carriage return', place.file('crlf', '#!/bin/sh\r\n'), /"\/bin\/sh\\r"/, /LF/],
    ['#! and nothing', place.file('bare', '#!\n'), /names no interpreter/, /name one/],
    ['#! to a directory', place.file('directory', '#!/etc\n'), /can't be run/, /#! line/],
    ['#! to a text', place.file('of-text', `#!${join(place.path, 'text')}\n`), /needs the interpreter .*text", which is neither/, /#!/],
    ['an interpreter longer than the kernel reads', place.file('long', `#!/${'x'.repeat(300)}\n`), /longer than the kernel reads/, /env/],
  ])('%s', (_, path, message, hint) => {
    expect(() => executableFormat(path)).toThrow(expect.objectContaining({ code: 'command-not-executable', message: expect.stringMatching(message), hint: expect.stringMatching(hint) }));
  });
});

describe('the kernel agrees', () => {
  test('with what is sure', () => {
    for (const name of ['script', 'second', 'through-env', 'through-env-s', 'blanks', 'no-newline']) {
      const { status, signal, stderr } = run('as lockfast', [join(place.path, name)]);
      expect({ name, status, signal, stderr }).toEqual({ name, status: 0, signal: null, stderr: '' });
    }
  });

  test.each(['machine', 'cut-header', 'cut-table', 'object', 'no-headers', 'musl', 'missing', 'bare', 'directory'])('with the refusal of "%s"', (name) => {
    // posix_spawn and execve say why; the shell turns it into 126 or 127
    expect(run('directly', ['python3', '-c', 'import os,sys\ntry: os.execv(sys.argv[1], sys.argv[1:])\nexcept OSError as e: sys.exit(9)', join(place.path, name)]).status).toBe(9);
  });

  test('about a file that is being written', () => {
    const path = join(place.path, 'busy');
    copyFileSync('/bin/true', path);
    const descriptor = openSync(path, 'r+');
    try {
      writeSync(descriptor, trueProgram, 0, 4, 0);
      const { status, stderr } = run('as lockfast', [path]);
      expect({ status, stderr }).toEqual({ status: 126, stderr: expect.stringMatching(/^command-not-executable: .*busy" could not be started \(ETXTBSY\): the file is being written/) });
    } finally {
      closeSync(descriptor);
    }
  });
});

test('a format that the kernel has an interpreter for is neither sure nor refused', () => {
  using table = scratch();
  table.file('status', 'enabled\n');
  table.file('register', '');
  table.file('jar', 'enabled\ninterpreter /usr/bin/jexec\nflags: \nextension .jar\n');
  table.file('qemu', 'enabled\ninterpreter /usr/bin/qemu-riscv64\nflags: OCF\noffset 0\nmagic 7f454c460201010000000000000000000200f300\nmask ffffffffffffff00fffffffffffffffffeffffff\n');
  table.file('off', 'disabled\ninterpreter /usr/bin/x\nflags: \nextension .exe\n');
  table.file('inner', 'enabled\ninterpreter /usr/bin/x\nflags: \noffset 4\nmagic 4142\n');
  const riscv = readFileSync(join(place.path, 'machine'));
  const claimed = (path: string, head: string | Buffer): boolean => hasBinaryHandler(path, Buffer.from(head), table.path);
  expect([claimed('/x/app.jar', 'PK'), claimed('/x/y', riscv), claimed('/x/y', 'xxxxAB')]).toEqual([true, true, true]);
  expect([claimed('/x/jar', 'PK'), claimed('/x/y', trueProgram), claimed('/x/setup.exe', 'MZ'), claimed('/x/y', 'xxxAB'), claimed('/x/y', '')]).toEqual([false, false, false, false, false]);
  table.file('status', 'disabled\n');
  expect(claimed('/x/app.jar', 'PK')).toBe(false);
});

function headerOffset(type: number): number {
  return programHeader(type).byteOffset - trueProgram.byteOffset;
}
