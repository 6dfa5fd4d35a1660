/** Which files are plaintext env files: by name, and by what they hold. */
import { isEncryptedFile, splitEntries, TEMPLATE_ENDINGS } from '@lockfast/core/env';
import { LockfastError } from '@lockfast/core/errors';

import { bitsOf, LEAST_BITS } from './strength.ts';

const TEMPLATE = new RegExp(`\\.(?:${[...TEMPLATE_ENDINGS, 'schema'].join('|')})$`, 'i');
/** In a repository, where any copy is a leak: more than what Lockfast itself takes for an env file. */
const ENV_NAME = /(?:^|\.)env(?:\.|$)|\.backup_|(?:^|[._-])env[._-](?:backup|bak|old|orig|save)/i;
/** Sources that are called after the environment: `.env.d.ts`, `vite-env.js`. */
const SOURCE = /\.(?:[cm]?[jt]sx?|py|rb|go|rs|java|kt|php|css|html?|md|ya?ml|json|toml|sh|svg|lock|map|snap)$/i;

/** Larger than any env file. */
const MOST_BYTES = 1024 * 1024;
/** Names that make a file of any name an env file, with a value that is hard to guess: a finding stops a commit, so only in capitals. */
const SECRET_NAME = /(?:SECRET|PASSW(?:OR)?D|PASSPHRASE|TOKEN|PRIVATE|CREDENTIAL|(?:^|_)(?:KEY|PWD|DSN|PAT)$|API_?KEY)/;
const FIRST_LINE = /^(?:\s*(?:#.*)?\r?\n){0,50}\s*(?:export\s+)?[A-Z][A-Z0-9_]*=/;

export type EnvReason = 'name' | 'content';

/** The names of the variables that have a value, where this is a plaintext env file. */
export interface PlaintextEnv {
  readonly reason: EnvReason;
  readonly names: readonly string[];
}

export function isEnvName(path: string): boolean {
  const name = path.slice(path.lastIndexOf('/') + 1);
  return ENV_NAME.test(name) && !TEMPLATE.test(name) && !SOURCE.test(name);
}

/**
 * @param path in the repository
 * @returns undefined for anything else: an encrypted file, a template, a file without a value
 */
export function plaintextEnv(path: string, bytes: Buffer): PlaintextEnv | undefined {
  if (bytes.length === 0 || bytes.length > MOST_BYTES || isEncryptedFile(bytes)) return undefined;
  if (isEnvName(path)) {
    const names = assignedNames(bytes).map(({ name }) => name);
    return names.length === 0 ? undefined : { reason: 'name', names };
  }
  if (SOURCE.test(path) || TEMPLATE.test(path) || !FIRST_LINE.test(bytes.toString('latin1', 0, 4096))) return undefined;
  return byContent(bytes);
}

/** Nothing but assignments to names in capitals, and one of them a secret by its name and its value. */
function byContent(bytes: Buffer): PlaintextEnv | undefined {
  const text = bytes.toString('latin1');
  if (text.includes('\0') || text.split('\n').some((line) => !/^\s*(?:#|$|(?:export\s+)?[A-Z][A-Z0-9_]*=(?!=))/.test(line))) return undefined;
  const assigned = assignedNames(bytes);
  const secret = assigned.some(({ name, value }) => SECRET_NAME.test(name) && value.length >= 12 && bitsOf(value) >= LEAST_BITS);
  return secret ? { reason: 'content', names: assigned.map(({ name }) => name) } : undefined;
}

function assignedNames(bytes: Buffer): { readonly name: string; readonly value: string }[] {
  try {
    return splitEntries(bytes).flatMap(({ kind, name, bytes: entry }) => {
      if (kind === 'other') return [];
      const text = entry.toString('latin1');
      const value = text.slice(text.indexOf('=') + 1).trim().replace(/^(["'`])([\s\S]*)\1$/, '$2');
      return value === '' || value.startsWith('#') ? [] : [{ name, value }];
    });
  } catch (error) {
    if (!(error instanceof LockfastError)) throw error;
    return []; // too many entries for an env file
  }
}
