/**
 * Variables whose values are secrets, told by their names, for what is printed: a name too many hides a value, no more. Who
 * accuses a file by such names (env/lint, the guard, the audit of units) has a narrower list of its own, for what it says of them.
 */

/** Whole names, and what a name begins or ends with; `*` stands for any characters. Case does not count. */
const PATTERNS = [
  'DJANGO_SECRET_KEY', 'DB_SUPERUSER_PASSWORD', 'APP_DB_PASSWORD', 'TWILIO_AUTH_TOKEN', 'TWILIO_ACCOUNT_SID', 'GOLDAPI_KEY', 'METALS_API_KEY',
  'STRIPE_SECRET_KEY', 'STRIPE_WEBHOOK_SECRET', 'BACKUP_ENCRYPTION_KEY', 'SECRETS_MASTER_KEY', 'GRAFANA_ADMIN_PASSWORD', 'AWS_SECRET_ACCESS_KEY',
  'CLOUDFLARE_R2_SECRET_KEY', 'BACKBLAZE_B2_APPLICATION_KEY',
  '*PASSWORD*', '*PASSWD*', '*PASSPHRASE*', '*SECRET*', '*CREDENTIAL*', '*PRIVATE_KEY*', '*PRIVATEKEY*', '*API_KEY*', '*APIKEY*', '*ACCESS_KEY*', '*AUTH_TOKEN*',
  '*_TOKEN', 'TOKEN', '*ACCESSTOKEN', '*REFRESHTOKEN', '*_KEY', '*_PASS', '*_PWD', '*_SALT', '*_PEPPER', '*_DSN', '*CONNECTION_STRING', '*DATABASE_URL', '*REDIS_URL', '*MONGODB_URI',
  'AUTHORIZATION', 'COOKIE', 'SET_COOKIE', 'X_API_KEY', 'PGPASSWORD', 'KUBECONFIG_DATA',
] as const;
/** They end like keys, and are shown to everybody. */
const PUBLIC = ['*PUBLIC*', '*PUBLISHABLE*', '*_SITE_KEY', '*PRIMARY_KEY', '*FOREIGN_KEY', '*_CACHE_KEY', '*PARTITION_KEY', '*SORT_KEY'] as const;

export class SensitiveNames {
  readonly #given: RegExp;
  readonly #usual: RegExp;
  readonly #public: RegExp;

  /** @param more names beside the usual ones; `*` stands for any characters */
  constructor(more: readonly string[] = []) {
    this.#given = namePattern(more);
    this.#usual = namePattern(PATTERNS);
    this.#public = namePattern(PUBLIC);
  }

  /** `databasePassword` and `database-password` are read as `DATABASE_PASSWORD`. */
  has(name: string): boolean {
    const spelt = name.replaceAll(/(?<=[a-z0-9])(?=[A-Z])/g, '_').replaceAll(/[-. ]/g, '_');
    return this.#given.test(name) || this.#given.test(spelt) || (this.#usual.test(spelt) && !this.#public.test(spelt));
  }
}

/** Names without `*` are compared whole. */
export function namePattern(globs: readonly string[]): RegExp {
  // Many stars in a row are one: else a hostile name would take exponentially long.
  const sources = globs.map((glob) => glob.replaceAll(/\*+/g, '*').split('*').map((part) => part.replaceAll(/[\\^$.|?+()[\]{}]/g, String.raw`\$&`)).join('.*'));
  return globs.length === 0 ? /(?!)/ : new RegExp(`^(?:${sources.join('|')})$`, 'is');
}
