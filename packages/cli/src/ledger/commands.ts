import { type Command, JSON_OPTION } from '../command.ts';

export const LEDGER_COMMANDS: readonly Command[] = [
  {
    name: 'ledger list',
    summary: 'list what was done with keys: when, what, to what, by whom, and how it ended',
    options: {
      since: { kind: 'text', value: 'TIME', help: 'from a date (2026-03-01), a time (2026-03-01T10:00:00Z) or so long ago (24h, 7d)' },
      until: { kind: 'text', value: 'TIME', help: 'up to such a time; a date means its end' },
      tenant: { kind: 'text', value: 'TENANT', help: 'of this tenant only' },
      operation: { kind: 'text', value: 'NAME', help: 'this operation only, such as decrypt or key-rotate' },
      actor: { kind: 'text', value: 'USER', help: 'by this OS user only, or by the user behind sudo' },
      outcome: { kind: 'text', value: 'OUTCOME', help: 'with this outcome only', choices: ['success', 'failure', 'refused', 'interrupted', 'open'] },
      limit: { kind: 'text', value: 'N', help: 'the newest N only' },
      follow: { kind: 'flag', help: 'go on and print new ones, until it is interrupted; with --json one object a line' },
      json: JSON_OPTION,
    },
    details: ['One row for each thing that was done. `open` is one that was announced and whose end is not recorded: its process is still at it, or died.', 'Times are UTC.'],
    examples: [
      ['lockfast ledger list --since 24h', 'what happened since yesterday'],
      ['lockfast ledger list --operation decrypt --outcome failure --json', 'for a program'],
    ],
    load: () => import('./list.ts'),
  },
  {
    name: 'ledger verify',
    summary: 'prove that no entry of the ledger was changed, removed or put in another order',
    options: {
      bundle: { kind: 'text', value: 'FILE', help: 'verify this exported bundle and not the configured ledger' },
      'public-key': { kind: 'text', value: 'KEY', help: 'the key that must have signed, as `lockfast ledger witness list` prints it' },
      'witness-key': { kind: 'list', value: 'KEY', help: 'a witness whose cosignatures count, beside those of lockfast.toml' },
      backup: { kind: 'text', value: 'FILE', help: 'a recovery backup: also check the MACs, from the epoch that it knows' },
      'passphrase-file': { kind: 'text', value: 'FILE', help: "read the backup's passphrase from this file" },
      strict: { kind: 'flag', help: 'let open intents and an unanchored tail be failures, with exit status 1' },
      json: JSON_OPTION,
    },
    details: [
      'Entries are counted in three ranges: witnessed (a witness out of reach of this machine holds them), signed (only by the key of the ledger) and unanchored (the tail since the last signature, which whoever controls the database could have cut or rewritten).',
      'The ledger is compared with the newest checkpoint in the state directory, and with each configured witness that can be read. Exit status: 0 the chain is whole, 4 it was tampered with, 1 findings with --strict.',
    ],
    examples: [
      ['lockfast ledger verify', 'the configured ledger'],
      ['lockfast ledger verify --bundle audit.bundle --public-key "$KEY"', 'an export, on any machine, without a key ring'],
    ],
    load: () => import('./verify.ts'),
  },
  {
    name: 'ledger export',
    summary: 'write the ledger to a file: as proof, or for other programs',
    options: {
      out: { kind: 'text', value: 'FILE|-', help: 'where to write; - is standard output' },
      format: { kind: 'text', value: 'FORMAT', help: 'bundle (default): entries and signatures, for `ledger verify --bundle`; jsonl and csv: entries alone', choices: ['bundle', 'jsonl', 'csv'] },
    },
    details: ['The file has mode 0600. In CSV a cell that a spreadsheet would take for a formula begins with an apostrophe.'],
    examples: [['lockfast ledger export --out audit.bundle', 'for an auditor'], ['lockfast ledger export --format csv --out audit.csv', 'for a spreadsheet']],
    load: () => import('./export.ts'),
  },
  {
    name: 'ledger witness push',
    summary: 'sign the ledger as it is, and hand that to every configured witness',
    options: { json: JSON_OPTION },
    details: ['Run it by a timer, every hour for example: what was not witnessed can be cut off unseen. Exit status 1 when a witness failed; the others have it then.'],
    examples: [['lockfast ledger witness push', 'to all of [[witnesses]]']],
    load: () => import('./witness-push.ts'),
  },
  {
    name: 'ledger witness list',
    summary: 'list the witnesses, what they hold, and the line that a witness needs of this ledger',
    options: { json: JSON_OPTION },
    examples: [['lockfast ledger witness list', 'how far each of them is']],
    load: () => import('./witness-list.ts'),
  },
  {
    name: 'ledger witness serve',
    summary: 'be a witness for the ledgers of other machines, over HTTP (C2SP tlog-witness)',
    options: {
      listen: { kind: 'text', value: 'ADDR:PORT', help: 'where to listen, such as 127.0.0.1:7380' },
      key: { kind: 'text', value: 'FILE', help: "the witness's own key; made with mode 0400 where there is none" },
      origins: { kind: 'text', value: 'FILE', help: 'the ledgers to witness: lines that `lockfast ledger witness list` prints there' },
      state: { kind: 'text', value: 'DIR', help: 'where it remembers the newest checkpoint of each' },
      name: { kind: 'text', value: 'NAME', help: 'name of a new key, such as witness.example.com (default: the name of this host)' },
    },
    details: ['It needs no project and no key ring. Put a proxy with TLS before it where others can reach it. It never goes back: losing its state directory means a new key.'],
    examples: [['lockfast ledger witness serve --listen 127.0.0.1:7380 --key witness.key --origins origins --state state', 'on a machine of its own']],
    load: () => import('./witness-serve.ts'),
  },
  {
    name: 'ledger accept-restored',
    summary: 'go on with a ledger that is older than one seen before, on purpose',
    options: { reason: { kind: 'text', value: 'TEXT', help: 'why; it is recorded in the ledger' } },
    details: ['For a ledger that was restored from a backup. Witnesses never go back: it is signed under another origin from here on, which each witness must be told.'],
    examples: [['lockfast ledger accept-restored --reason "the disk was lost, restored from Sunday"', 'after a restore']],
    load: () => import('./accept-restored.ts'),
  },
  {
    name: 'ledger create',
    summary: 'make the ledger that lockfast.toml names',
    options: {
      reason: { kind: 'text', value: 'TEXT', help: 'why; it is recorded as its beginning' },
      owner: { kind: 'text', value: 'env:NAME', help: 'on PostgreSQL: the variable with the URL of a role that may make a schema' },
      role: { kind: 'text', value: 'NAME', help: 'on PostgreSQL: the role of the URL in lockfast.toml, which may then append and read, and nothing else' },
    },
    details: [
      'For a project that was made without one, or whose ledger is lost for good. An existing ledger is left alone.',
      'On PostgreSQL it makes the schema lockfast_ledger, or brings it to the present version.',
    ],
    examples: [
      ['lockfast ledger create --reason "the first ledger of this project"', 'after adding `ledger = ...` to lockfast.toml'],
      ['lockfast ledger create --owner env:OWNER_URL --role shop', 'with `ledger = "postgres://shop@db/shop"`'],
    ],
    load: () => import('./create.ts'),
  },
];
