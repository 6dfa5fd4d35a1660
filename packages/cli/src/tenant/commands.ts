import { type Command, JSON_OPTION, REASON_OPTION, YES_OPTION } from '../command.ts';
import { DIALECT } from '../env/options.ts';

const LIST: Command = {
  name: 'tenant list',
  summary: 'show all tenants: encrypted or not, owner, service, key, what is due, what is wrong',
  options: { json: JSON_OPTION },
  details: ['It looks at files, services and the key ring; nothing is decrypted. Without the root key it shows what it can.'],
  examples: [['lockfast tenant list', 'the fleet at a glance']],
  load: () => import('./list.ts'),
};

const SHOW: Command = {
  name: 'tenant show',
  summary: 'show one tenant',
  operands: 'NAME',
  arity: [1, 1],
  options: { json: JSON_OPTION },
  examples: [['lockfast tenant show acme', 'its files, its service, its settings']],
  load: () => import('./show.ts'),
};

const CREATE: Command = {
  name: 'tenant create',
  summary: 'make a tenant: directory, encrypted variables, template, git files',
  operands: 'NAME',
  arity: [1, 1],
  options: {
    port: { kind: 'text', value: 'P', help: 'the value of PORT' },
    set: { kind: 'list', value: 'NAME', help: 'a variable of its own; the value is asked for, or a line of standard input each' },
    'set-file': { kind: 'list', value: 'NAME=FILE', help: 'a variable whose value is the content of a file' },
    user: { kind: 'text', value: 'U', help: 'who owns its files (default: `user` of the configuration, else you)' },
    install: { kind: 'flag', help: "install its service's drop-in, as `lockfast tenant install` does" },
    exec: { kind: 'text', value: 'CMD', help: 'with --install: make a unit, with this ExecStart=' },
    copy: { kind: 'flag', help: 'copy what all tenants share into its own file' },
    dialect: DIALECT,
    'dry-run': { kind: 'flag', help: 'say what would be made, and make nothing' },
    json: JSON_OPTION,
  },
  details: [
    'Its variables come in layers: what all tenants share ([tenants] extends), values that are generated (32 random bytes in base64url), PORT, DOMAIN, which is NAME unless it is set, and its own. What all share stays in its one file, where it can be rotated for all; with --copy it is copied. Where nothing is shared, the values of .env.example serve, and those that it only asks for are named.',
    'Required variables are checked before anything is written. The plaintext is never on the disk. Over a tenant that exists it adds what is missing, and overwrites nothing; so it also finishes what a killed run began.',
  ],
  examples: [
    ['lockfast tenant create acme.example.com --port 8001', 'its directory and encrypted file'],
    ['lockfast tenant create acme --set SMTP_PASSWORD --install < password', 'with a value of its own, and its service'],
  ],
  load: () => import('./create.ts'),
};

const AUDIT: Command = {
  name: 'tenant audit',
  summary: 'check who may read what: modes, owners, plaintext left behind, keys, backups, units',
  operands: '[NAME...]',
  arity: [0, Number.MAX_SAFE_INTEGER],
  options: { fix: { kind: 'flag', help: 'put right what can do no harm; each repair is on record' }, json: JSON_OPTION },
  details: [
    'Nothing is decrypted: the names of variables are readable in an encrypted file. Exit status 1 when something was found and is not fixed.',
    '--fix narrows modes, gives files to their owner (as root), and removes a plaintext only when the encrypted file holds the same bytes and the service is known to do without it. Links are never followed, and a file with a second name is left alone.',
  ],
  examples: [
    ['lockfast tenant audit', 'all tenants, and what they depend on'],
    ['lockfast tenant audit acme --fix', 'one of them, and put right'],
  ],
  load: () => import('./audit.ts'),
};

const FORCE = { kind: 'flag', help: "restart outside of the tenant's maintenance window, too" } as const;

const IMPORT: Command = {
  name: 'tenant import',
  summary: 'encrypt tenants that run from a plaintext .env, and put one back that does not come up',
  operands: '[DIR|NAME...]',
  arity: [0, Number.MAX_SAFE_INTEGER],
  options: {
    all: { kind: 'flag', help: 'every tenant that has a plaintext .env' },
    'dry-run': { kind: 'flag', help: 'say what would be done, and do nothing' },
    'keep-going': { kind: 'flag', help: 'go on with the next tenant when one is put back' },
    force: FORCE,
    dialect: DIALECT,
    yes: YES_OPTION,
    json: JSON_OPTION,
  },
  details: [
    "For each tenant: an encrypted backup of the plaintext, the encrypted file, proof that it decrypts, the plaintext removed, mode and owner, the service's drop-in, a restart where the service ran, and a look at its health. When a step fails or the service is not well, all of it goes back, and the import stops.",
    'Killed at any point, the same command finishes the tenant, or its way back. Backups are shown by `lockfast backup list` and removed by `lockfast backup prune`.',
  ],
  examples: [
    ['lockfast tenant import /srv/tenants/wip', 'one tenant'],
    ['lockfast tenant import --all --dry-run', 'look first'],
  ],
  load: () => import('./import.ts'),
};

const ROLLBACK: Command = {
  name: 'tenant rollback',
  summary: 'return a tenant to a plaintext .env',
  operands: 'NAME',
  arity: [1, 1],
  options: { force: FORCE, dialect: DIALECT, yes: YES_OPTION, json: JSON_OPTION },
  details: ['The plaintext holds all layers: what all tenants share, and its own. The drop-in is removed, the service restarted where it ran. The encrypted file goes to the backups.'],
  examples: [['lockfast tenant rollback wip', 'and `lockfast tenant import wip` is the way back']],
  load: () => import('./rollback.ts'),
};

const REMOVE: Command = {
  name: 'tenant remove',
  summary: "stop a tenant's service, and remove its encrypted file after a backup",
  operands: 'NAME',
  arity: [1, 1],
  options: { yes: YES_OPTION, json: JSON_OPTION },
  details: ['The deployment in its directory is left; a directory with nothing else in it is removed. The backup can be decrypted as long as it is kept: what must be unreadable for good is shredded.'],
  examples: [['lockfast tenant remove acme', 'asks for the name']],
  load: () => import('./remove.ts'),
};

const OWN_KEY: Command = {
  name: 'tenant own-key',
  summary: 'give tenants a key of their own, and encrypt their files with it',
  operands: '[NAME...]',
  arity: [0, 100_000],
  options: {
    all: { kind: 'flag', help: 'every tenant that has an encrypted file' },
    'from-columns': { kind: 'flag', help: 'every tenant that has rows in columns with tenant-key = "own"' },
    'dry-run': { kind: 'flag', help: 'say which tenants would get a key, with their rows, and change nothing' },
    reason: REASON_OPTION,
    json: JSON_OPTION,
  },
  details: [
    'The key lies in the key ring, beside the data keys, and takes part in every file of the tenant from then on: without it no copy of them can be decrypted, so that `lockfast tenant shred` ends all copies at once. Copies from before are not under it.',
    'A tenant may have rows in a database, and no file: where a column is declared with tenant-key = "own", any name is taken. Its values come under the key with `lockfast column rotate`, plaintext with `lockfast column encrypt`.',
    'Killed at any point, every file decrypts, and the same command finishes.',
  ],
  examples: [['lockfast tenant own-key acme', 'one tenant'], ['lockfast tenant own-key --all --reason "erasure on request"', 'all of them'], ['lockfast tenant own-key --from-columns --dry-run', 'those that a database knows']],
  load: () => import('./own-key.ts'),
};

const SHRED: Command = {
  name: 'tenant shred',
  summary: "destroy a tenant's own key and remove its encrypted files, for good",
  operands: 'NAME',
  arity: [1, 1],
  options: { reason: REASON_OPTION, 'dry-run': { kind: 'flag', help: 'say what would be done, and change nothing' }, yes: YES_OPTION, json: JSON_OPTION },
  details: [
    'Every copy of its files that its own key took part in can not be decrypted any more, wherever it is. The command says what that does not cover: copies of the key ring from before and recovery backups, files from before the tenant had a key of its own, plaintext.',
    'In columns with tenant-key = "own" its values are unreadable from then on, in every copy of the database; rows are counted where it is reached, and none is removed: `lockfast column clear --shredded` empties them. A certificate goes into the ledger: `lockfast tenant certificate`.',
    'On a terminal the name must be typed; elsewhere it takes --yes. Killed at any point, the same command finishes.',
  ],
  examples: [['lockfast tenant shred acme --dry-run', 'what it is about'], ['lockfast tenant shred acme --reason "contract ended, ticket 4711"', 'the end of it']],
  load: () => import('./shred.ts'),
};

const CERTIFICATE: Command = {
  name: 'tenant certificate',
  summary: 'show what is on record of the end of a tenant\'s key: what is unreadable since, and what is not',
  operands: 'NAME',
  arity: [1, 1],
  options: { json: JSON_OPTION },
  details: ['It is read from the ledger, where `lockfast tenant shred` wrote it, and says how to verify it there. A tenant whose key was destroyed twice has two.'],
  examples: [['lockfast tenant certificate acme', 'for whoever asked for the erasure']],
  load: () => import('./certificate.ts'),
};

/** Tenants and their files. */
export const TENANT_COMMANDS: readonly Command[] = [LIST, SHOW, CREATE, AUDIT, IMPORT, ROLLBACK, REMOVE, OWN_KEY, SHRED, CERTIFICATE];
