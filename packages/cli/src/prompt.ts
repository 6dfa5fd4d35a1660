/** Questions to a person, on the terminal itself: standard input may be a pipe that belongs to something else. */
import { closeSync, openSync } from 'node:fs';
import { ReadStream } from 'node:tty';

import { LockfastError } from '@lockfast/core/errors';
import { Secret } from '@lockfast/core/keyring';

const CTRL_C = 0x03;
const CTRL_D = 0x04;
const CTRL_U = 0x15;
const BACKSPACE = new Set([0x08, 0x7f]);
const ENTER = new Set([0x0a, 0x0d]);

/** Asks without an echo. @throws LockfastError `terminal-needed`, `usage` when it was left empty or broken off */
export async function askSecret(question: string): Promise<Secret> {
  const answer = await askHidden(question);
  if (answer.length === 0) throw new LockfastError('usage', 'nothing was entered', 'run the command again and type it');
  return new Secret(answer);
}

/** Asks twice, for what nobody could repair after a typing error. */
export async function askNewSecret(question: string): Promise<Secret> {
  const first = await askHidden(question);
  const second = await askHidden(`${question}, again`);
  const same = first.equals(second);
  second.fill(0);
  if (!same) {
    first.fill(0);
    throw new LockfastError('usage', 'the two entries differ', 'run the command again');
  }
  if (first.length === 0) throw new LockfastError('usage', 'nothing was entered', 'run the command again and type it');
  return new Secret(first);
}

/** Asks for one line, without an echo; it may be empty. */
export async function askHidden(question: string): Promise<Buffer> {
  const terminal = openTerminal();
  const typed: number[] = [];
  terminal.setRawMode(true);
  const { writeSync } = await import('node:fs');
  const say = (text: string): void => void writeSync(terminal.descriptor, text);
  say(`${question}: `);
  try {
    return await new Promise<Buffer>((resolve, reject) => {
      terminal.on('error', reject);
      // The terminal went away: without this, nobody would ever answer.
      terminal.on('end', () => reject(new LockfastError('usage', 'broken off', 'nothing was changed')));
      terminal.on('data', (chunk: Buffer) => {
        for (const byte of chunk) {
          if (byte === CTRL_C || (byte === CTRL_D && typed.length === 0)) {
            reject(new LockfastError('usage', 'broken off', 'nothing was changed'));
            return;
          }
          if (ENTER.has(byte)) {
            resolve(Buffer.from(typed));
            return;
          }
          if (BACKSPACE.has(byte)) dropCharacter(typed);
          else if (byte === CTRL_U) typed.length = 0;
          else typed.push(byte);
        }
        chunk.fill(0);
      });
      terminal.resume();
    });
  } finally {
    typed.fill(0);
    terminal.setRawMode(false);
    say('\n');
    terminal.destroy();
  }
}

/** The last character that was typed, which in UTF-8 may be several bytes. */
function dropCharacter(typed: number[]): void {
  while (typed.length > 0 && (typed.at(-1)! & 0xc0) === 0x80) typed.pop();
  typed.pop();
}

function openTerminal(): ReadStream & { readonly descriptor: number } {
  let descriptor: number | undefined;
  try {
    descriptor = openSync('/dev/tty', 'r+');
    return Object.assign(new ReadStream(descriptor), { descriptor });
  } catch {
    if (descriptor !== undefined) closeSync(descriptor);
    throw new LockfastError('terminal-needed', 'there is no terminal to ask on', 'run it on a terminal, or hand it over in a file: see --help');
  }
}
