import { readCompose } from './compose.ts';
import type { Dialect, EnvReader, EnvReading } from './dialect.ts';
import { readDocker } from './docker.ts';
import { readDotenv } from './dotenv.ts';
import { readNode } from './node.ts';
import { readPython } from './python.ts';
import { refusal } from './refusal.ts';
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

/** An environment holds two megabytes on Linux; a file of more than this is not one, and reading it would only take memory. */
const MAX_BYTES = 16 * 1024 * 1024;

/**
 * What the runtime of that name reads from the bytes of an env file. Nothing is executed and no process environment is looked
 * at; the time is proportional to the size.
 *
 * @throws LockfastError `unreadable-env` when that runtime refuses the whole file
 */
export function readEnv(bytes: Uint8Array, dialect: Dialect): EnvReading {
  if (bytes.length > MAX_BYTES) throw refusal(dialect, 'more than 16 MiB');
  return READERS[dialect](bytes);
}
