import { type Command, JSON_OPTION, type Option, REASON_OPTION, YES_OPTION } from '../command.ts';
import { INDEX_COMMANDS } from './blind-index/commands.ts';

/** How many columns may stand on one command line. */
const ANY_NUMBER = [0, 1000] as const;

const WHICH = { database: { kind: 'text', value: 'NAME', help: 'only columns of this [databases.NAME]' } } as const satisfies Record<string, Option>;

/** Of the commands that write. */
const WRITING = {
  ...WHICH,
  'dry-run': { kind: 'flag', help: 'say what would be done, row for row with --verbose, and change nothing' },
  verbose: { kind: 'flag', help: 'also name every record, by its label or its key; -v for short' },
  batch: { kind: 'text', value: 'N', help: 'rows in one transaction (default: 1000)' },
  'max-rate': { kind: 'text', value: 'N', help: 'rows a second at most; it slows down by itself when replicas lag or others wait for locks' },
  reason: REASON_OPTION,
  yes: YES_OPTION,
  json: JSON_OPTION,
} as const satisfies Record<string, Option>;

const GOES_ON = 'Rows that the application writes meanwhile are never overwritten. ^C stops after the running batch; a killed run leaves every row readable. Either way the same command goes on where it was.';

/** Encrypted columns of databases, as [[columns]] in lockfast.toml declares them. */
export const COLUMN_COMMANDS: readonly Command[] = [
  {
    name: 'column status',
    summary: 'count the rows of encrypted columns by key and format, and those that are plaintext',
    operands: '[ID...]',
    arity: ANY_NUMBER,
    options: { ...WHICH, verify: { kind: 'text', value: 'all|N', help: 'decrypt all values, or those of N rows that are spread over the table, in place of looking at how they begin' }, json: JSON_OPTION },
    details: ['Without --verify the database counts by how values begin, which is quick and no proof. The exit status is 1 when there are values that no key of the ring opens, or when a database can not be reached.'],
    examples: [['lockfast column status', 'all declared columns'], ['lockfast column status --verify all', 'proven by decrypting']],
    load: () => import('./status.ts'),
  },
  {
    name: 'column instances',
    summary: 'list the running applications that report themselves, and the keys that they hold',
    options: { database: { kind: 'text', value: 'NAME', help: 'only those that report themselves in this [databases.NAME]' }, json: JSON_OPTION },
    details: ['Where [databases.NAME] has `instances`. One that has not reported for some time counts as gone. `lockfast key activate` is refused until each live one holds the staged key.'],
    examples: [['lockfast column instances', 'after `lockfast key create`: who lacks the new key']],
    load: () => import('./instances.ts'),
  },
  {
    name: 'column encrypt',
    summary: 'encrypt the plaintext values of columns',
    operands: '[ID...]',
    arity: ANY_NUMBER,
    options: WRITING,
    details: ['What is encrypted already is decrypted as the proof, and left as it is. Run twice it changes nothing the second time.', GOES_ON],
    examples: [
      ['lockfast column encrypt --dry-run --verbose', 'what would be encrypted'],
      ['lockfast column encrypt integrations.slack.bot_token', 'one column'],
      ['lockfast column encrypt --database app --max-rate 5000', 'a busy database'],
    ],
    load: () => import('./encrypt.ts'),
  },
  {
    name: 'column rotate',
    summary: 'encrypt the values of columns anew under the present key, and in the declared format',
    operands: '[ID...]',
    arity: ANY_NUMBER,
    options: {
      ...WRITING,
      from: { kind: 'text', value: 'FORMAT', help: 'also values that another library wrote: cloak, typeorm-encrypted, lockbox or rails' },
      'from-key': { kind: 'list', value: 'URI', help: 'a key of that library: env:NAME, file:PATH or credential:NAME' },
      'from-salt': { kind: 'text', value: 'URI', help: "rails: where the application's key_derivation_salt is" },
      'from-place': { kind: 'text', value: 'TABLE.COLUMN', help: 'lockbox: the names that the key was derived with, where table or column were renamed' },
      'from-algorithm': { kind: 'text', value: 'NAME', help: 'typeorm-encrypted: as its options name it (default: aes-256-cbc)' },
      'from-iv-bytes': { kind: 'text', value: 'N', help: 'typeorm-encrypted: as its options have it (default: 16)' },
    },
    details: [
      'After `lockfast key rotate`, or with another first one of `fernet-keys`, or after `format` was changed. Values keep the time when they were encrypted. Plaintext is left as it is, and counted. With --from it reads what another library wrote, once: docs/guides/from-other-libraries.md.',
      GOES_ON,
    ],
    examples: [['lockfast column rotate --dry-run', 'how many rows are under another key'], ['lockfast column rotate --reason "quarterly"', 'all declared columns'], ['lockfast column rotate users.phone --from cloak --from-key env:CLOAK_MASTER_KEY', 'what prisma-field-encryption wrote']],
    load: () => import('./rotate.ts'),
  },
  {
    name: 'column decrypt',
    summary: 'write the values of columns back as plaintext',
    operands: '[ID...]',
    arity: ANY_NUMBER,
    options: { 'to-plaintext': { kind: 'flag', help: 'needed: whoever reads the database, its replicas and its backups reads the values then' }, ...WRITING },
    details: ['The way back, for a rollback of the application. On a terminal a word must be typed; elsewhere it takes --yes.', GOES_ON],
    examples: [['lockfast column decrypt tenants.gemini_api_key --to-plaintext --reason "rollback to 4.1"', 'one column']],
    load: () => import('./decrypt.ts'),
  },
  {
    name: 'column verify',
    summary: 'decrypt the values of columns, and tell whether each opens',
    operands: '[ID...]',
    arity: ANY_NUMBER,
    options: { ...WHICH, sample: { kind: 'text', value: 'N', help: 'so many rows, spread over the table, in place of all' }, json: JSON_OPTION },
    details: ['Nothing is shown or kept of the values. The exit status is 1 when one does not open, or is plaintext.'],
    examples: [['lockfast column verify', 'every value'], ['lockfast column verify --sample 1000', 'for a timer']],
    load: () => import('./verify.ts'),
  },
  {
    name: 'column triage',
    summary: 'list the rows that need attention: under which key each is, or why it does not open, and what would open it',
    operands: '[ID...]',
    arity: ANY_NUMBER,
    options: { ...WHICH, all: { kind: 'flag', help: 'every row, also those under the present key' }, json: JSON_OPTION },
    details: ['A value that does not open is tried in other columns, and with the contexts of other rows: one that was moved is found so. The exit status is 1 when a value does not open.'],
    examples: [['lockfast column triage', 'after a rotation that somebody else left half done'], ['lockfast column triage webhooks.secret --all', 'every row with its key']],
    load: () => import('./triage.ts'),
  },
  {
    name: 'column discover',
    summary: 'search whole databases for encrypted values that no [[columns]] names',
    options: {
      database: { kind: 'text', value: 'NAME', help: 'only this [databases.NAME]' },
      sample: { kind: 'text', value: 'N', help: 'about so many rows of each table, spread over it, in place of all' },
      json: JSON_OPTION,
    },
    details: [
      'It reads every column of every table that holds text, bytes or JSON, lists too, and finds lfv1 values and Fernet tokens that stand there alone, inside of longer text, or at any depth of a document. What can be declared is printed as [[columns]], ready for lockfast.toml; never a value.',
      'Each part of a table is read in a transaction of some seconds, so that the database goes on cleaning up. It is a search, no proof: a row that is rewritten meanwhile may be missed. `lockfast key retire` and `key destroy` refuse a key that it found. The exit status is 1 when it found something, or could not read everything.',
    ],
    examples: [['lockfast column discover', 'before `lockfast key retire`'], ['lockfast column discover --database app --sample 10000', 'a quick look']],
    load: () => import('./discover.ts'),
  },
  {
    name: 'column fence',
    summary: 'let the database itself refuse plaintext and finished keys in columns, and prove that none is left',
    operands: '[ID...]',
    arity: ANY_NUMBER,
    options: {
      ...WHICH,
      also: { kind: 'text', value: 'FORMAT', choices: ['lfv1', 'fernet'], help: 'a second format that passes, while values change from one to the other' },
      'despite-rows': { kind: 'flag', help: 'put it up although rows do not pass: the database refuses every change of such a row until it is converted' },
      remove: { kind: 'flag', help: 'take the fences down' },
      'dry-run': { kind: 'flag', help: 'print the SQL, count the rows that would not pass, and change nothing' },
      reason: REASON_OPTION,
      yes: YES_OPTION,
      json: JSON_OPTION,
    },
    details: [
      'A CHECK constraint for each column on PostgreSQL, two triggers elsewhere. It refuses what is neither NULL nor has the shape of the declared format, and the keys that are draining, retired, destroyed or compromised. Keys that are made later pass: a rotation never stops the application. It meets writes from the first moment; then the database looks at every row while the application goes on, and that is the proof, which is on record.',
      'After the next rotation run it again: the new fence takes the place of the old one with no moment in between. The exit status is 1 when rows do not pass.',
    ],
    examples: [
      ['lockfast column fence --dry-run', 'the SQL, and what it would meet'],
      ['lockfast column fence --reason "rotation of May is done"', 'all declared columns, after `lockfast column rotate`'],
      ['lockfast column fence two_factor.secret --remove', 'before `lockfast column decrypt`'],
    ],
    load: () => import('./fence.ts'),
  },
  {
    name: 'column export',
    summary: "hand out everything that columns hold of one tenant or person, decrypted",
    operands: '[ID...]',
    arity: ANY_NUMBER,
    options: {
      ...WHICH,
      tenant: { kind: 'text', value: 'NAME', help: 'rows of this tenant, in columns that declare `tenant`' },
      'where-context': { kind: 'list', value: 'NAME=VALUE', help: 'rows whose context column NAME has this value; given twice, both must hold' },
      format: { kind: 'text', value: 'F', choices: ['json', 'csv'], help: 'json (default) or csv' },
      out: { kind: 'text', value: 'FILE', help: 'a new file of mode 0600, in place of standard output' },
      reason: REASON_OPTION,
      yes: YES_OPTION,
    },
    details: [
      'For a request for access to data, or when a customer leaves. It needs the role admin and --reason, and is on record before the first value leaves. Bytes are in base64. Each table is read as a whole; only the rows that are meant are decrypted.',
      'Columns that do not say whose a row is are named and left out. The exit status is 1 when a value does not open; rows of a tenant whose key was destroyed are named, and no reason for that. In CSV, what a spreadsheet would run as a formula has an apostrophe before it.',
    ],
    examples: [
      ['lockfast column export --tenant acme --out acme.json --reason "ticket 4711"', 'all columns'],
      ['lockfast column export users.phone --where-context user_id=17 --format csv --reason "access request"', 'one person'],
    ],
    load: () => import('./export.ts'),
  },
  {
    name: 'column clear',
    summary: 'empty the rows of a column whose values nothing opens, and keep the ciphertext aside',
    operands: 'ID',
    arity: [1, 1],
    options: {
      unrecoverable: { kind: 'flag', help: 'what nothing opens, and only that, becomes NULL' },
      shredded: { kind: 'flag', help: "in place of --unrecoverable: what is of tenants whose keys were destroyed, and only that, becomes NULL" },
      keep: { kind: 'text', value: 'FILE', help: 'a new file for the ciphertext, one row a line' },
      'dry-run': { kind: 'flag', help: 'say how many rows it is about, and change nothing' },
      reason: REASON_OPTION,
      yes: YES_OPTION,
      json: JSON_OPTION,
    },
    details: ['What `lockfast column triage` knows a way to open is left as it is. On a terminal the id must be typed; elsewhere it takes --yes.'],
    examples: [
      ['lockfast column clear totp.secret --unrecoverable --keep lost-totp.jsonl --reason "key lost in March"', 'so that people can enrol again'],
      ['lockfast column clear totp.secret --shredded --keep shredded.jsonl --reason "ticket 4711"', 'after `lockfast tenant shred`'],
    ],
    load: () => import('./clear.ts'),
  },
  ...INDEX_COMMANDS,
];
