import type { Arguments } from './arguments.ts';
import type { Session } from './session.ts';
import { quotedWord } from './shell-word.ts';

/** As a shell takes it without quotes. */
const PLAIN = /^[A-Za-z0-9_./:@=+,-]+$/;

/** The command that is running as a line for a shell, to go on with it: without its options it would be another one. */
export function sameCommand(args: Arguments, { command }: Session): string {
  const options = Object.entries(args.values).flatMap(([name, value]) => {
    if (name === 'json' || value === undefined || value === false) return [];
    return (Array.isArray(value) ? value : [value]).flatMap((one) => (typeof one === 'string' ? [`--${name}`, shellWord(one)] : [`--${name}`]));
  });
  return ['lockfast', command, ...args.operands.map(shellWord), ...options].join(' ');
}

function shellWord(text: string): string {
  return PLAIN.test(text) ? text : quotedWord(text);
}
