import { readCompose } from './compose.ts';
import type { Dialect, EnvReader, EnvReading } from './dialect.ts';
import { readDocker } from './docker.ts';
import { readDotenv } from './dotenv.ts';
import { readNode } from './node.ts';
import { readPython } from './python.ts';
import { refuseTooLarge } from './refusal.ts';
import { readShell } from './shell.ts';
import { readSystemd } from './systemd.ts';

const READERS: Readonly<Record<Dialect, EnvReader>> = {
  node: readNode,
  dotenv: readDotenv,
  python: readPython,
  docker: readDocker,
  systemd: readSystemd,
  compose: readCompose,
  shell: readShell,
};

/**
 * What the runtime of that name reads from the bytes of an env file. Nothing is executed and no process environment is looked
 * at; the time is proportional to the size.
 *
 * @throws LockfastError `unreadable-env` when that runtime refuses the whole file
 */
export function readEnv(bytes: Uint8Array, dialect: Dialect): EnvReading {
  refuseTooLarge(bytes, dialect);
  return READERS[dialect](bytes);
}
