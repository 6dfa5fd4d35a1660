import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** Published vectors, which lie beside the project where it is developed and are no part of it. */
const PUBLISHED = new URL('../../../../../shared/vectors/', import.meta.url);

export const missingVectors = existsSync(fileURLToPath(PUBLISHED)) ? undefined : 'needs ../shared/vectors';

/** The file's content as JSON; null where the vectors are missing, so that a file of tests can still be read. */
export function published<T>(name: string): T {
  return (missingVectors === undefined ? JSON.parse(readFileSync(new URL(name, PUBLISHED), 'utf8')) : null) as T;
}

/** Known answers of the project's own. */
export function known<T>(from: string, name: string): T {
  return JSON.parse(readFileSync(new URL(`known-answers/${name}`, from), 'utf8')) as T;
}

export function hex(text: string): Buffer {
  return Buffer.from(text, 'hex');
}
