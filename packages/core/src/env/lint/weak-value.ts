import { decodedPart, passwordOfUrl } from '../../url-password.ts';
import { isPlaceholder } from './placeholder.ts';

/** The last words of a name that say its value is a secret: of what is one in part, a URL with a password, length and variety say nothing. */
const SECRET_NAME = /(?:^|[_.-])(?:SECRET|SECRETS|KEY|TOKEN|PASSWORD|PASSWD|PASSPHRASE|PWD|PASS|CREDENTIAL|CREDENTIALS|SALT)$/i;
/** Of those with KEY: they hold what may be known. */
const KNOWN_TO_ALL = /(?:^|[_.-])(?:PUBLIC|PUBLISHABLE|SITE|CLIENT|SORT|PRIMARY|FOREIGN|PARTITION|CACHE)[_.-]?KEY$/i;
const PASSWORD_NAME = /(?:PASSWORD|PASSWD|PWD|PASS)$/i;

/** In characters. Sixteen of base64 are 96 bits; nobody's generator gives less. A password may have been thought of. */
const SHORTEST_KEY = 16;
const SHORTEST_PASSWORD = 8;
const FEWEST_DIFFERENT = 5;

/** What is tried first. */
const COMMON = new Set([
  'admin', 'root', 'test', 'testing', 'demo', 'default', 'guest', 'user', 'secret', 'mysecret', 'supersecret', 'password', 'passw0rd', 'p@ssw0rd', 'password1', 'password123', 'pass', 'postgres', 'mysql',
  'redis', 'qwerty', 'letmein', 'welcome', 'abc123', 'iloveyou', 'dev', 'development', 'local', 'localhost', 'insecure', 'notsecret', 'not-secret', 'key', 'token', 'apikey', 'api-key', 'foo', 'bar', 'foobar',
  'keyboard cat', 'hunter2', 'minioadmin', 'master', 'shhh', 'django-insecure',
]);
const SEQUENCES = ['0123456789012345678901234567890123456789', 'abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyz', 'qwertyuiopasdfghjklzxcvbnm'];

export function isSecretName(name: string): boolean {
  return SECRET_NAME.test(name) && !KNOWN_TO_ALL.test(name);
}

/** What is wrong with a secret: it stands for another, it is what everybody tries, it is too short for its name. */
export type Weakness = 'placeholder' | 'common' | 'short' | 'monotonous';

/** Of the value of a variable whose name says that it is a secret, or of the password in a URL. Empty values have none. */
export function weaknessOf(name: string, value: string): Weakness | undefined {
  const secret = isSecretName(name);
  const password = secret ? value : passwordInUrl(value);
  if (password === undefined || password === '') return undefined;
  if (isPlaceholder(password)) return 'placeholder';
  const plain = password.toLowerCase();
  if (COMMON.has(plain) || plain.startsWith('django-insecure') || SEQUENCES.some((sequence) => sequence.includes(plain))) return 'common';
  if (!secret) return undefined;
  if (password.length < (PASSWORD_NAME.test(name) ? SHORTEST_PASSWORD : SHORTEST_KEY)) return 'short';
  return new Set(password).size < FEWEST_DIFFERENT ? 'monotonous' : undefined;
}

/** Decoded, as far as it can be. */
function passwordInUrl(value: string): string | undefined {
  const password = passwordOfUrl(value);
  return password === undefined ? undefined : (decodedPart(password) ?? password);
}
