/** Every setting of `lockfast.toml`, once: the reader checks against it and the JSON Schema is made from it. */

export interface Setting {
  /** What it must be, as a noun phrase for messages. */
  readonly what: string;
  /** What it does, for the schema and the documentation. */
  readonly help: string;
  readonly schema: Readonly<Record<string, unknown>>;
  readonly accepts: (value: unknown) => boolean;
  readonly required?: boolean;
  /** The settings of a table; then `accepts` is not asked. */
  readonly table?: Readonly<Record<string, Setting>>;
}

const DIALECTS = ['node', 'dotenv', 'python', 'docker', 'systemd', 'compose', 'shell'];
const NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/;

const isText = (value: unknown): value is string => typeof value === 'string' && value !== '';

export const SETTINGS: Readonly<Record<string, Setting>> = {
  environment: {
    what: 'a name of letters, digits, dots, dashes and underscores, such as "production"',
    help: 'The environment that the key ring belongs to. A file of another one is refused.',
    schema: { type: 'string', pattern: NAME.source },
    accepts: (value) => isText(value) && NAME.test(value),
    required: true,
  },
  keyring: {
    what: 'the path of the key ring, such as ".lockfast/keyring.json"',
    help: "The key ring's file. A relative path starts at this file's directory.",
    schema: { type: 'string', minLength: 1 },
    accepts: isText,
    required: true,
  },
  'key-source': {
    what: 'a key source such as "file:~/.config/lockfast/x.key", or a list of them',
    help: 'Where the root key comes from: file:PATH, env:NAME, credential:NAME, passphrase: or passphrase:PATH. The first of a list that opens the ring is used.',
    schema: {
      anyOf: [
        { type: 'string', pattern: '^[a-z0-9]+:' },
        { type: 'array', items: { type: 'string', pattern: '^[a-z0-9]+:' }, minItems: 1 },
      ],
    },
    accepts: (value) => isText(value) || (Array.isArray(value) && value.length > 0 && value.every(isText)),
    required: true,
  },
  dialect: {
    what: `one of ${DIALECTS.join(', ')}`,
    help: 'Whose reading of env files `run`, `list`, `get` and `set` follow. Default: node.',
    schema: { enum: DIALECTS },
    accepts: (value) => typeof value === 'string' && DIALECTS.includes(value),
  },
  tenants: {
    what: 'a table',
    help: 'Where the files of tenants are.',
    schema: { type: 'object' },
    accepts: () => false,
    table: {
      path: {
        what: 'a path with {tenant} in it, such as "/srv/tenants/{tenant}"',
        help: "A tenant's directory. A file in it belongs to that tenant.",
        schema: { type: 'string', pattern: '\\{tenant\\}' },
        accepts: (value) => isText(value) && value.split('{tenant}').length === 2,
      },
    },
  },
};
