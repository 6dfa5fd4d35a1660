/** For pino, or a logger that takes the same hooks: `pino({ hooks: pinoHooks(masker) })`. */
import { maskedData } from './masked-data.ts';
import type { Masker } from './masker.ts';
import { SensitiveNames } from './sensitive-names.ts';

export interface PinoHooks {
  logMethod<A extends unknown[]>(this: unknown, args: A, method: (...args: A) => void, level: number): void;
  streamWrite(line: string): string;
}

/**
 * What is logged is masked by name and by value before it is written as JSON, and the line once more by value: bindings of
 * child loggers and what serialisers add get there without passing the first.
 */
export function pinoHooks(masker: Masker, names: SensitiveNames = new SensitiveNames()): PinoHooks {
  return {
    logMethod(args, method) {
      method.apply(this, args.map((arg) => maskedData(arg, masker, names)) as typeof args);
    },
    streamWrite: (line) => masker.text(line),
  };
}
