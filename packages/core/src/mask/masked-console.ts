/** A console whose texts are masked. */
import { formatWithOptions } from 'node:util';

import { maskedData } from './masked-data.ts';
import type { Masker } from './masker.ts';
import { SensitiveNames } from './sensitive-names.ts';

/** Those that print what they are given. `dir` and `table` print objects, masked before. */
const PRINTING = ['debug', 'error', 'info', 'log', 'trace', 'warn'] as const;
const SHOWING = ['dir', 'table'] as const;

/** Masks what `target` prints, from now on. @returns brings it back to what it was */
export function maskConsole(target: Console, masker: Masker, names: SensitiveNames = new SensitiveNames()): () => void {
  const before = new Map<string, PropertyDescriptor | undefined>();
  const replace = (name: (typeof PRINTING)[number] | (typeof SHOWING)[number], print: (...args: unknown[]) => void): void => {
    before.set(name, Object.getOwnPropertyDescriptor(target, name));
    Object.defineProperty(target, name, { value: print, writable: true, configurable: true, enumerable: true });
  };
  const masked = (args: unknown[]): unknown[] => args.map((arg) => maskedData(arg, masker, names));
  for (const name of PRINTING) {
    const print = target[name].bind(target) as (...args: unknown[]) => void;
    // Formatted here: a secret may come together only from its parts.
    replace(name, (...args) => print('%s', masker.text(formatWithOptions({}, ...masked(args)))));
  }
  for (const name of SHOWING) {
    const show = target[name].bind(target) as (...args: unknown[]) => void;
    replace(name, (data, ...rest) => show(maskedData(data, masker, names), ...rest));
  }
  return () => {
    for (const [name, descriptor] of before) {
      if (descriptor === undefined) delete (target as unknown as Record<string, unknown>)[name];
      else Object.defineProperty(target, name, descriptor);
    }
  };
}
