/** Every setting of `lockfast.toml`, once: the reader checks against it and the JSON Schema is made from it. */
import { COLUMN_ID, isColumnId, MOST_ID_CHARACTERS } from '@lockfast/columns/column-id';
import { INSTANCES_TABLE_NAME } from '@lockfast/columns/instances/table-name';
import { WAYS } from '@lockfast/fleet/ways';
import { RULE_NAMES, SEVERITIES } from '@lockfast/watch/rule-names';

export interface Setting {
  /** What it must be, as a noun phrase for messages. */
  readonly what: string;
  /** What it does, for the schema and the documentation. */
  readonly help: string;
  readonly schema: Readonly<Record<string, unknown>>;
  readonly accepts: (value: unknown) => boolean;
  readonly required?: boolean;
  /** The settings of a table, or of each table of a list; then `accepts` is not asked. */
  readonly table?: Readonly<Record<string, Setting>>;
  /** Written as `[[name]]`, once for each. */
  readonly repeated?: boolean;
  /** Written as `[name.KEY]`, once for each KEY, which its writer chooses. */
  readonly keyed?: boolean;
}

const DIALECTS = ['node', 'dotenv', 'python', 'docker', 'systemd', 'compose', 'shell'];
const NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/;

const isText = (value: unknown): value is string => typeof value === 'string' && value !== '';

const DURATION = /^[1-9][0-9]{0,4}[mhdw]$/;
const WINDOW = /^(?:(?:Sun|Mon|Tue|Wed|Thu|Fri|Sat) )?(?:[01][0-9]|2[0-3]):[0-5][0-9]-(?:[01][0-9]|2[0-3]):[0-5][0-9]$/;

const UNIT = /^[A-Za-z0-9:_.\\@{}-]{1,255}$/;
const ACCOUNT = /^[A-Za-z0-9_{][A-Za-z0-9_.{}-]{0,63}\$?$/;
const PATIENCE = /^[1-9][0-9]{0,3}[sm]$/;

const FERNET_KEY = /^(?:ring:|env:[A-Za-z_][A-Za-z0-9_]*|file:.+|credential:[A-Za-z0-9_.-]+)$/;
/** As PostgreSQL has room for in an identifier. */
const MOST_SQL_NAME = 63;

const NAME_GLOB = /^[A-Za-z0-9_.*-]{1,128}$/;

const isNameList = (value: unknown): boolean => Array.isArray(value) && value.every((name) => isText(name) && /^[A-Za-z_][A-Za-z0-9_.-]*$/.test(name));
const isDuration = (value: unknown): boolean => isText(value) && DURATION.test(value);
const isTextList = (value: unknown): boolean => Array.isArray(value) && value.length > 0 && value.every(isText);

const isSqlName = (value: unknown): value is string => isText(value) && !value.includes('\0') && Buffer.byteLength(value) <= MOST_SQL_NAME;
const isSqlNames = (value: unknown): boolean => Array.isArray(value) && value.length > 0 && value.every(isSqlName) && new Set(value).size === value.length;
const isTextTable = (value: unknown): boolean => typeof value === 'object' && value !== null && !Array.isArray(value) && Object.values(value).every((one) => typeof one === 'string');

function duration(help: string): Setting {
  return { what: 'a time such as "90d", "24h" or "30m"', help, schema: { type: 'string', pattern: DURATION.source }, accepts: isDuration };
}

function window(help: string): Setting {
  return { what: 'a window such as "Sun 02:00-04:00" or "02:00-04:00"', help, schema: { type: 'string', pattern: WINDOW.source }, accepts: (value) => isText(value) && WINDOW.test(value) };
}

function url(help: string): Setting {
  return { what: 'a URL', help, schema: { type: 'string', pattern: '^https?://' }, accepts: (value) => isText(value) && /^https?:\/\//.test(value) };
}

function names(help: string): Setting {
  return { what: 'a list of names', help, schema: { type: 'array', items: { type: 'string' } }, accepts: isNameList };
}

function nameGlobs(help: string): Setting {
  return { what: 'a list of names of variables, with * for any characters', help, schema: { type: 'array', items: { type: 'string', pattern: NAME_GLOB.source } }, accepts: (value) => Array.isArray(value) && value.every((name) => isText(name) && NAME_GLOB.test(name)) };
}

function path(what: string, help: string): Setting {
  return { what, help, schema: { type: 'string', minLength: 1 }, accepts: isText };
}

function table(help: string, settings: Readonly<Record<string, Setting>>): Setting {
  return { what: 'a table', help, schema: { type: 'object' }, accepts: () => false, table: settings };
}

function people(help: string): Setting {
  return { what: 'a list of user names, and of groups as "@group"', help, schema: { type: 'array', items: { type: 'string' }, minItems: 1 }, accepts: isTextList };
}

function sqlName(what: string, help: string): Setting {
  return { what, help, schema: { type: 'string', minLength: 1, maxLength: MOST_SQL_NAME }, accepts: isSqlName };
}

function sqlNames(help: string): Setting {
  return { what: 'a list of the names of columns, each once', help, schema: { type: 'array', items: { type: 'string' }, minItems: 1, uniqueItems: true }, accepts: isSqlNames };
}

function oneOf(words: readonly string[], help: string): Setting {
  return { what: `one of ${words.join(', ')}`, help, schema: { enum: words }, accepts: (value) => typeof value === 'string' && words.includes(value) };
}

/** Of `[databases.NAME]`. */
const OF_A_DATABASE: Readonly<Record<string, Setting>> = {
  url: {
    what: 'env:NAME, file:PATH, sqlite:PATH, or the URL of a PostgreSQL, MySQL or MariaDB database',
    help: 'Where the database is: env:NAME of a variable with its URL, file:PATH of a file with it that only its owner may read, or the URL itself where it has no password: postgres://, mysql://, mariadb://, sqlite:PATH.',
    schema: { type: 'string', pattern: '^(env:|file:|sqlite:|postgres(ql)?://|mysql://|mariadb://).' },
    accepts: (value) => isText(value) && /^(?:env:[A-Za-z_][A-Za-z0-9_]*$|file:.|sqlite:.|(?:postgres(?:ql)?|mysql|mariadb):\/\/.)/.test(value),
    required: true,
  },
  instances: {
    what: 'the name of a table in lower case, with or without a schema',
    help: 'The table in which running applications report themselves, such as lockfast_instances: a key is activated when all of them hold it. Without it nobody is asked.',
    schema: { type: 'string', pattern: INSTANCES_TABLE_NAME.source },
    accepts: (value) => isText(value) && INSTANCES_TABLE_NAME.test(value),
  },
};

/** Of `[[columns]]`. */
const OF_A_COLUMN: Readonly<Record<string, Setting>> = {
  id: {
    what: 'a name such as "integrations.slack.bot_token": lower-case letters, digits, underscores and dots, at most 128',
    help: "The column's own name, which its values are bound to. It stays when table or column are renamed.",
    schema: { type: 'string', pattern: COLUMN_ID.source, maxLength: MOST_ID_CHARACTERS },
    accepts: isColumnId,
    required: true,
  },
  database: { ...path('the NAME of a [databases.NAME]', 'The database that it is in.'), required: true },
  table: { ...path('the name of a table, with or without a schema', 'The table, as SQL spells it: tenants, app."User".'), required: true },
  column: { ...sqlName('the name of a column, not quoted', 'The column, not quoted.'), required: true },
  path: { what: 'a list of the members that lead to the value', help: 'In a JSON column: where in it the value is.', schema: { type: 'array', items: { type: 'string', minLength: 1 }, minItems: 1 }, accepts: isTextList },
  key: {
    what: 'the name of a column, or a list of names, each once',
    help: 'The columns that tell rows apart. Default: the primary key.',
    schema: { anyOf: [{ type: 'string', minLength: 1 }, { type: 'array', items: { type: 'string' }, minItems: 1, uniqueItems: true }] },
    accepts: (value) => isSqlName(value) || isSqlNames(value),
  },
  context: sqlNames('The columns whose values a value is bound to, in this order, such as the id of its tenant: in another row it does not decrypt.'),
  'tenant-key': oneOf(['shared', 'own'], "Whether values are under the key of their row's tenant, too, which `lockfast tenant shred` destroys. Default: shared."),
  tenant: sqlName('the name of a context column, not quoted', 'The context column that says whose a row is. Needed where tenant-key is own, and where a table comes back from it.'),
  format: oneOf(['lfv1', 'fernet'], 'What values are encrypted to. Default: lfv1.'),
  as: oneOf(['text', 'bytes', 'json'], 'What the application stores. Default: text.'),
  title: path('a text such as "2FA TOTP Secrets"', 'How reports name it. Default: its id.'),
  label: sqlName('the name of a column, not quoted', 'A column that tells people which row it is, such as a name; reports show it. Default: the key.'),
  'fernet-keys': {
    what: 'a list of ring:, env:NAME, file:PATH, credential:NAME',
    help: 'The keys of Fernet tokens: the first one encrypts where format is fernet, all decrypt. The ones of the key ring are always tried, too.',
    schema: { type: 'array', items: { type: 'string', pattern: FERNET_KEY.source }, minItems: 1, uniqueItems: true },
    accepts: (value) => isTextList(value) && (value as string[]).every((uri) => FERNET_KEY.test(uri)) && new Set(value as string[]).size === (value as string[]).length,
  },
  set: {
    what: 'a table of texts, such as { "app.rotation" = "on" }',
    help: "Settings of each of a job's transactions (SET LOCAL), for triggers to look at.",
    schema: { type: 'object', additionalProperties: { type: 'string' } },
    accepts: isTextTable,
  },
};

/** Of `[[blind-indexes]]`. */
const OF_A_BLIND_INDEX: Readonly<Record<string, Setting>> = {
  id: {
    what: 'a name such as "customers.email.index": lower-case letters, digits, underscores and dots, at most 128',
    help: "The index's own name, which its keys and values are bound to. No column has it.",
    schema: { type: 'string', pattern: COLUMN_ID.source, maxLength: MOST_ID_CHARACTERS },
    accepts: isColumnId,
    required: true,
  },
  of: {
    what: 'the id of a column',
    help: 'The column of texts whose values it finds: the id of one of [[columns]].',
    schema: { type: 'string', pattern: COLUMN_ID.source, maxLength: MOST_ID_CHARACTERS },
    accepts: isColumnId,
    required: true,
  },
  column: { ...sqlName('the name of a column, not quoted', 'The column of the same table that holds the index, of type text, not quoted.'), required: true },
  normalise: oneOf(['none', 'case-and-width'], 'What is equal: none, what is equal to the byte; case-and-width, what differs in case or width alone, too. Default: none.'),
  bits: {
    what: 'a number from 8 to 256',
    help: 'How many bits of the digest are kept. With fewer, searches find others, too, and whoever reads the database learns less. Default: 256.',
    schema: { type: 'integer', minimum: 8, maximum: 256 },
    accepts: (value) => Number.isInteger(value) && (value as number) >= 8 && (value as number) <= 256,
  },
  context: sqlNames('Columns of the same row: values are equal only where these are, too, such as the id of an organization.'),
  'few-values': { what: 'true or false', help: 'Whether the column may have fewer than 16 different values, which the index gives away to whoever reads the database. Default: false.', schema: { type: 'boolean' }, accepts: (value) => typeof value === 'boolean' },
};

/** Of `[tenants]`, and of `[tenant.NAME]`. */
const OF_A_TENANT: Readonly<Record<string, Setting>> = {
  service: {
    what: 'the name of a unit, such as "{tenant}.service"',
    help: "A tenant's systemd service. Without it everything works on files alone.",
    schema: { type: 'string', pattern: UNIT.source },
    accepts: (value) => isText(value) && UNIT.test(value),
  },
  user: { ...path('the name of an account, such as "deploy"', "Who owns a tenant's files and runs its service. Default: the owner of its directory."), schema: { type: 'string', pattern: ACCOUNT.source }, accepts: (value) => isText(value) && ACCOUNT.test(value) },
  way: {
    what: `one of ${WAYS.join(', ')}`,
    help: 'How a service gets its variables: through `lockfast run` (the default), as a .env in memory, or as a credential of systemd.',
    schema: { enum: WAYS },
    accepts: (value) => typeof value === 'string' && (WAYS as readonly string[]).includes(value),
  },
  required: names('Variables that every tenant must have.'),
  generated: names('Variables that get 32 random bytes when a tenant is made.'),
  window: window("When a tenant's service may be restarted without --force, in local time."),
  health: table('How it is known that a service is well. Without it: its unit is active, and stays so for a second.', {
    http: url('A URL that answers 2xx; {PORT} is the variable of that name.'),
    command: { what: 'a program and its arguments as a list', help: 'A program that exits with 0.', schema: { type: 'array', items: { type: 'string' }, minItems: 1 }, accepts: isTextList },
    timeout: { what: 'a time such as "30s" or "2m"', help: 'How long it may take. Default: 30s.', schema: { type: 'string', pattern: PATIENCE.source }, accepts: (value) => isText(value) && PATIENCE.test(value) },
  }),
};

const REFERENCE = /^(?:env:[A-Za-z_][A-Za-z0-9_]*|file:.+)$/s;
const FACILITIES = ['auth', 'authpriv', 'daemon', 'user', 'local0', 'local1', 'local2', 'local3', 'local4', 'local5', 'local6', 'local7'];
const isAddress = (value: unknown): boolean => isText(value) && /^[^\s\p{Cc}<>]+@[^\s\p{Cc}<>]+$/u.test(value);

/** A secret never stands in the configuration itself. */
function reference(help: string): Setting {
  return { what: 'env:NAME or file:PATH', help, schema: { type: 'string', pattern: '^(env:|file:).' }, accepts: (value) => isText(value) && REFERENCE.test(value) };
}

/** Of `[alerts.rules.NAME]`. */
const OF_A_RULE: Readonly<Record<string, Setting>> = {
  enabled: { what: 'true or false', help: 'Whether the rule is asked at all. Default: true.', schema: { type: 'boolean' }, accepts: (value) => typeof value === 'boolean' },
  threshold: { what: 'a number from 1 to 1000', help: 'How often something must happen.', schema: { type: 'integer', minimum: 1, maximum: 1000 }, accepts: (value) => Number.isInteger(value) && (value as number) >= 1 && (value as number) <= 1000 },
  window: duration('The time that counts.'),
  severity: oneOf(SEVERITIES, 'How bad it is. With critical, `watch --once` exits with 1.'),
};

/** Of `[[alerts.channels]]`. */
const OF_A_CHANNEL: Readonly<Record<string, Setting>> = {
  name: { what: 'a name of letters, digits, dots, dashes and underscores', help: 'What tells it from others of its kind. Default: its kind.', schema: { type: 'string', pattern: NAME.source }, accepts: (value) => isText(value) && NAME.test(value) },
  webhook: { what: 'a URL, env:NAME or file:PATH', help: 'A URL that gets signed JSON; needs secret.', schema: { type: 'string', pattern: '^(https?://|env:|file:).' }, accepts: (value) => isText(value) && (/^https?:\/\/./.test(value) || REFERENCE.test(value)) },
  secret: reference('With webhook: the key of the HMAC, 16 bytes at least.'),
  slack: reference('The URL of an incoming webhook of Slack, or of what takes the same; whoever has it can write there, so it is had by reference.'),
  smtp: { what: 'smtp://USER@HOST:PORT or smtps://USER@HOST:PORT, without a password', help: 'A mail server: smtp with STARTTLS, smtps with TLS from the start. Needs to.', schema: { type: 'string', pattern: '^smtps?://' }, accepts: (value) => isText(value) && /^smtps?:$/.test(URL.parse(value)?.protocol ?? '') && URL.parse(value)!.password === '' },
  password: reference('With smtp: the password of USER.'),
  from: { what: 'a mail address', help: 'With smtp: who sends it. Default: lockfast@ this host.', schema: { type: 'string' }, accepts: isAddress },
  to: { what: 'a list of mail addresses', help: 'With smtp: who gets it.', schema: { type: 'array', items: { type: 'string' }, minItems: 1 }, accepts: (value) => Array.isArray(value) && value.length > 0 && value.every(isAddress) },
  syslog: oneOf(FACILITIES, "The system's log, which is the journal where systemd runs, under this facility."),
  command: { what: 'a program and its arguments as a list', help: 'A program that gets JSON on standard input. Its arguments are no place for a secret.', schema: { type: 'array', items: { type: 'string' }, minItems: 1 }, accepts: isTextList },
  severity: oneOf(SEVERITIES, 'The least that is told here. Default: information.'),
};

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
  ledger: {
    what: 'the place of the ledger, such as "sqlite:.lockfast/ledger.db", "postgres://host/database" or "env:LEDGER_URL"',
    help: 'Where every use of a key is recorded: sqlite:PATH, the URL of a PostgreSQL database, or env:NAME of a variable with one of them. Without it nothing is recorded.',
    schema: { type: 'string', pattern: '^(sqlite:|postgres(ql)?://|env:).' },
    accepts: (value) => isText(value) && /^(?:sqlite:|postgres(?:ql)?:\/\/|env:)./.test(value),
  },
  dialect: {
    what: `one of ${DIALECTS.join(', ')}`,
    help: 'Whose reading of env files `run`, `list`, `get` and `set` follow. Default: node.',
    schema: { enum: DIALECTS },
    accepts: (value) => typeof value === 'string' && DIALECTS.includes(value),
  },
  tenants: table('The tenants: where their files are, what their services are.', {
    path: {
      what: 'a path with {tenant} in it, such as "/srv/tenants/{tenant}"',
      help: "A tenant's directory. A file in it belongs to that tenant.",
      schema: { type: 'string', pattern: '\\{tenant\\}' },
      accepts: (value) => isText(value) && value.split('{tenant}').length === 2,
    },
    extends: path('the path of an encrypted env file', 'What all tenants share. Each may set a variable of it anew.'),
    ...OF_A_TENANT,
  }),
  tenant: { ...table('What differs for one tenant, as [tenant.NAME].', OF_A_TENANT), keyed: true },
  databases: { ...table('The databases that hold encrypted columns, as [databases.NAME].', OF_A_DATABASE), keyed: true },
  columns: { ...table('The encrypted columns, each as [[columns]].', OF_A_COLUMN), repeated: true },
  'blind-indexes': { ...table('The blind indexes that encrypted columns are searched by, each as [[blind-indexes]].', OF_A_BLIND_INDEX), repeated: true },
  roles: table('Who may do what. Without it, whoever can open the key ring may do everything.', {
    admin: people('Who may change keys.'),
    operator: people('Who may encrypt and decrypt.'),
    auditor: people('Who may look at files and ledger without decrypting.'),
  }),
  schedule: table('When a new data key is due.', {
    rotate: duration('How old the active key may become. Default: 180d in development, else 90d.'),
    departure: duration('How soon to rotate after someone with access has left. Default: 24h.'),
  }),
  approvals: table('What needs a second person.', {
    key: {
      what: '2',
      help: 'With 2, one person starts a change of keys and another one approves it.',
      schema: { enum: [1, 2] },
      accepts: (value) => value === 1 || value === 2,
    },
  }),
  maintenance: table('When keys may be rotated without --force.', {
    window: window('The weekly or daily window of rotations, in local time.'),
  }),
  alerts: table('What `lockfast watch` looks for, and whom it tells.', {
    users: people('Who is expected to touch secrets. Default: whoever [roles] names. A tenant\'s own account, and the owner of this file, always are.'),
    every: { what: 'a time such as "30s" or "2m"', help: 'How often a watch that stays looks. Default: 30s.', schema: { type: 'string', pattern: PATIENCE.source }, accepts: (value) => isText(value) && PATIENCE.test(value) },
    keep: duration('How long something that happened stays open when nobody acknowledges it. Default: 7d.'),
    rules: table('What differs for one rule, as [alerts.rules.NAME].', Object.fromEntries(RULE_NAMES.map((name) => [name, table(`The rule ${name}.`, OF_A_RULE)]))),
    channels: { ...table('Ways out. Each has one of webhook, slack, smtp, syslog and command.', OF_A_CHANNEL), repeated: true },
  }),
  log: table('A log for people and programs that read text, beside the ledger.', {
    text: path('the path of a log file', 'One line for each use of a key. It is made with mode 0640 and reopened after logrotate.'),
    rotations: path('the path of a log file', 'One line for each rotation of a credential, made and reopened alike. It may be the same file.'),
  }),
  mask: table('Which values `run --mask` and `mask` keep out of what is printed.', {
    names: nameGlobs('Variables that hold secrets, beside those whose names say so: their values are masked wherever they come from.'),
    except: nameGlobs('Variables of the encrypted files whose values are no secrets, and stay as they are.'),
  }),
  guard: table('What must not get into git: `lockfast guard`.', {
    encrypted: oneOf(['committed', 'ignored'], 'Whether encrypted env files are for git to keep or to ignore. Default: committed.'),
    file: path('the path of the guard file', 'Where `lockfast guard update` writes the keyed hashes of the secret values. Default: .lockfast/guard.json'),
    public: names('Variables whose values are no secrets, so that they are not looked for.'),
  }),
  backups: table('The encrypted files as they were before a rotation.', {
    directory: path('the path of a directory', 'Where they are kept. Default: .lockfast/backups'),
    keep: duration('After which time `lockfast backup prune` removes them. Default: 30d.'),
  }),
  witnesses: {
    ...table('Places that remember how long the ledger was, and what stood in it. Each has one of directory, git, http and command.', {
      directory: path('the path of a directory', 'A directory, best on another disk or machine.'),
      git: { ...path('the URL of a git repository', 'A repository that checkpoints are pushed to.') },
      http: url('A C2SP tlog-witness, such as `lockfast ledger witness serve`.'),
      command: { what: 'a program and its arguments as a list', help: 'A program that gets the checkpoint on standard input.', schema: { type: 'array', items: { type: 'string' }, minItems: 1 }, accepts: isTextList },
      key: { ...path("the witness's verifier key", 'With http: what its answers must be signed with.') },
    }),
    repeated: true,
  },
};
