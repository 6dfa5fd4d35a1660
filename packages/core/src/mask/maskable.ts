/** Which values can be found in a text without masking half of it. */

/** In bytes of UTF-8, without space around it. Below it a value stands in texts by chance. */
export const LEAST_BYTES = 6;
/** Shorter ones are masked only where no letter, digit or underscore is beside them. */
export const LEAST_BYTES_ANYWHERE = 8;

/** Why a value is not masked: it is too short, a word that texts use, digits alone, the name of a variable, or made of the mask's own sign. */
export type Unmaskable = 'short' | 'common' | 'number' | 'name' | 'asterisks';

const COMMON: ReadonlySet<string> = new Set([
  'admin', 'administrator', 'anonymous', 'changeme', 'console', 'container', 'database', 'default', 'delete', 'develop', 'development', 'disable',
  'disabled', 'docker', 'enable', 'enabled', 'example', 'example.com', 'false', 'guest', 'internal', 'localhost', 'master', 'memory', 'message', 'mysql',
  'nobody', 'notice', 'postgres', 'postgresql', 'private', 'prefer', 'prod', 'production', 'public', 'redis', 'require', 'required', 'secret', 'server', 'service',
  'sqlite', 'staging', 'string', 'system', 'test', 'testing', 'trace', 'undefined', 'unknown', 'user', 'username', 'password', 'value', 'verbose', 'verify-full', 'warning',
  '0.0.0.0', '127.0.0.1', '::1', 'us-east-1', 'us-west-2', 'eu-west-1', 'eu-central-1', 'europe/berlin', 'europe/london', 'america/new_york', 'en_us.utf-8', 'application/json',
]);
/** Ports, sizes and times in milliseconds are shorter; card and account numbers are not. */
const LEAST_DIGITS = 8;

/** @param names of all variables that are masked; a value that is one of them names something, and hides nothing */
export function unmaskable(value: string, names: ReadonlySet<string>): Unmaskable | undefined {
  const text = value.trim();
  if (/^\*+$/.test(text)) return 'asterisks';
  if (COMMON.has(text.toLowerCase())) return 'common';
  if (Buffer.byteLength(text, 'utf8') < LEAST_BYTES) return 'short';
  if (/^\d+$/.test(text) && text.length < LEAST_DIGITS) return 'number';
  return names.has(text) ? 'name' : undefined;
}
