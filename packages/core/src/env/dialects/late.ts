/** For a program whose start counts, and which reads one dialect: the others are not even loaded. */
import type { Dialect, EnvReader, EnvReading } from './dialect.ts';
import { readNode } from './node.ts';
import { refuseTooLarge } from './refusal.ts';

/** The usual one is at hand. */
const READERS: Readonly<Record<Dialect, () => EnvReader | Promise<EnvReader>>> = {
  node: () => readNode,
  dotenv: async () => (await import('./dotenv.ts')).readDotenv,
  python: async () => (await import('./python.ts')).readPython,
  docker: async () => (await import('./docker.ts')).readDocker,
  systemd: async () => (await import('./systemd.ts')).readSystemd,
  compose: async () => (await import('./compose.ts')).readCompose,
  shell: async () => (await import('./shell.ts')).readShell,
};

/** As `readEnv`. @throws LockfastError `unreadable-env` when that runtime refuses the whole file */
export async function readEnvLate(bytes: Uint8Array, dialect: Dialect): Promise<EnvReading> {
  refuseTooLarge(bytes, dialect);
  return (await READERS[dialect]())(bytes);
}
