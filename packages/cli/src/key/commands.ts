import { type Command, JSON_OPTION, type Option, REASON_OPTION, YES_OPTION } from '../command.ts';
import { DESPITE_INSTANCES, DESPITE_INSTANCES_OPTION } from './despite-instances.ts';

/** Of the commands that move a key from one state to another. */
const MOVE_OPTIONS = { reason: REASON_OPTION, yes: YES_OPTION, json: JSON_OPTION } as const;

/** Of those that ask the running applications first. */
const ASKING_OPTIONS = { [DESPITE_INSTANCES]: DESPITE_INSTANCES_OPTION, ...MOVE_OPTIONS } as const;

const LETTING_GO = { ...MOVE_OPTIONS, 'leave-undeclared': { kind: 'flag', help: 'although `lockfast column discover` found values under it outside of the declared columns: nothing opens them any more' } } as const satisfies Record<string, Option>;

export const KEY_COMMANDS: readonly Command[] = [
  {
    name: 'key list',
    summary: 'list the keys of the key ring',
    options: { json: JSON_OPTION },
    details: ['Fingerprints, states and dates, never a key. DUE is when the active key is to be replaced: see `lockfast key schedule`.'],
    examples: [['lockfast key list', 'which key encrypts now, which only decrypt']],
    load: () => import('./list.ts'),
  },
  {
    name: 'key create',
    summary: 'add a new data key to the ring, staged: it decrypts, and does not encrypt yet',
    options: { reason: REASON_OPTION, json: JSON_OPTION },
    examples: [['lockfast key create', 'before a rotation, so that every machine has the key first']],
    load: () => import('./create.ts'),
  },
  {
    name: 'key activate',
    summary: 'encrypt with a staged key from now on; the active one only decrypts then',
    operands: 'ID',
    arity: [1, 1],
    options: ASKING_OPTIONS,
    details: [
      'Every machine that decrypts must have the key ring with this key first. Where [databases.NAME] has `instances`, the running applications are asked, and it is refused until each live one holds the key.',
    ],
    examples: [['lockfast key activate kq2d5x --reason "all hosts have it"', 'after `lockfast key create`']],
    load: () => import('./activate.ts'),
  },
  {
    name: 'key rotate',
    summary: 'encrypt every file anew under a new data key, and with --root under a new root key',
    options: {
      root: { kind: 'flag', help: 'also replace the root key' },
      'new-key-out': { kind: 'text', value: 'FILE', help: 'with --root: where the new root key goes, mode 0400; else it is shown once on the terminal' },
      'drop-unreachable': { kind: 'flag', help: 'with --root: also remove the key sources that can not be reached from here' },
      reason: REASON_OPTION,
      'no-backup': { kind: 'flag', help: 'keep no copy of the encrypted files as they were' },
      force: { kind: 'flag', help: 'also outside the maintenance window' },
      [DESPITE_INSTANCES]: DESPITE_INSTANCES_OPTION,
      'dry-run': { kind: 'flag', help: 'say what would be done, and change nothing' },
      yes: YES_OPTION,
      json: JSON_OPTION,
    },
    details: [
      'The new key is durable and on record before anything is encrypted with it; each file is replaced in one step; at the end every file is decrypted from the disk as proof. The old key goes on decrypting until `lockfast key retire`. Columns of databases follow with `lockfast column rotate`; where running applications report themselves, begin with `lockfast key create`.',
      'Killed or failed at any point, every file decrypts, and the next `lockfast key rotate`, whatever its arguments, finishes the open rotation and does only that. A file that can not be done is named, the others are finished.',
    ],
    examples: [
      ['lockfast key rotate --reason "quarterly"', 'a new data key for all files'],
      ['lockfast key rotate --root --new-key-out /root/new.key', 'a new root key, too'],
      ['lockfast key rotate --dry-run', 'which files it is about'],
    ],
    load: () => import('./rotate.ts'),
  },
  {
    name: 'key retire',
    summary: 'refuse a key that nothing uses any more',
    operands: 'ID',
    arity: [1, 1],
    options: { ...ASKING_OPTIONS, ...LETTING_GO },
    details: [
      'Every configured env file, every backup and every row of the declared columns is decrypted as the proof. What is under this key, or can not be read, is named, and the key stays. So it does while a running application that reports itself still encrypts with it.',
      'So does what `lockfast column discover` found elsewhere in the databases; run it before.',
    ],
    examples: [['lockfast key retire ab3c4d', 'after a rotation, and after the backups from before it are gone']],
    load: () => import('./retire.ts'),
  },
  {
    name: 'key destroy',
    summary: 'take the bytes of a retired key out of the ring, for good',
    operands: 'ID',
    arity: [1, 1],
    options: LETTING_GO,
    details: [
      'The proof of `lockfast key retire` is made again. On a terminal the key id must be typed; elsewhere it takes --yes. Old copies of the key ring, in git for example, and recovery backups still hold the key.',
    ],
    examples: [['lockfast key destroy ab3c4d --reason "retired in March"', 'after `lockfast key retire`']],
    load: () => import('./destroy.ts'),
  },
  {
    name: 'key usage',
    summary: 'count where each key is still used, by decrypting everything',
    operands: '[ID]',
    arity: [0, 1],
    options: { json: JSON_OPTION },
    details: ['It looks at every configured env file, at the backups directory, and at every row of the declared columns. What can not be read is named apart, and the exit status is 1 then: it may be under any key.'],
    examples: [['lockfast key usage', 'which keys can be retired'], ['lockfast key usage ab3c4d', 'and which files are under this one']],
    load: () => import('./usage.ts'),
  },
  {
    name: 'key schedule',
    summary: 'show when the next data key is due, and why',
    options: { check: { kind: 'flag', help: 'exit with 1 when a rotation is due' }, json: JSON_OPTION },
    details: ['Set by [schedule] in lockfast.toml: `rotate` (default 90d, in development 180d), `departure` (default 24h). After a compromise a rotation is due at once.'],
    examples: [['lockfast key schedule', 'last, next, overdue'], ['lockfast key schedule --check', 'for a timer that reminds you']],
    load: () => import('./schedule.ts'),
  },
  {
    name: 'key compromised',
    summary: 'mark a key as known to somebody who must not know it: a rotation is due at once',
    operands: 'ID',
    arity: [1, 1],
    options: MOVE_OPTIONS,
    details: ['Rotation gives files a new key. The values in them are known, too, to whoever had both: change those where they were issued.'],
    examples: [['lockfast key compromised kq2d5x --reason "root key in a support ticket"', 'what happened']],
    load: () => import('./compromised.ts'),
  },
  {
    name: 'key departure',
    summary: 'note that somebody with access to the keys has left: a rotation is due soon',
    options: MOVE_OPTIONS,
    details: ['How soon: `departure` of [schedule] in lockfast.toml, 24 hours without it. Remove the key source that only they used with `lockfast key source remove`.'],
    examples: [['lockfast key departure --reason "left the company, ticket 4711"', 'no name is needed']],
    load: () => import('./departure.ts'),
  },
  {
    name: 'key approve',
    summary: 'approve a change of keys that another person asked for',
    operands: '[ID]',
    arity: [0, 1],
    options: { yes: YES_OPTION, json: JSON_OPTION },
    details: [
      'Where [approvals] in lockfast.toml says key = 2. Without ID it lists what waits. A request lives for 24 hours and for one version of the key ring. Who asked for it can not approve it; with an approval the command that was refused goes ahead once.',
    ],
    examples: [['lockfast key approve', 'what waits'], ['sudo lockfast key approve h7k2m9pd', 'as another person than the one who asked']],
    load: () => import('./approve.ts'),
  },
  {
    name: 'key generate',
    summary: 'print a new key to standard output',
    options: { format: { kind: 'text', value: 'FORMAT', help: 'fernet: for Python programs; root: for a key source', choices: ['fernet', 'root'] } },
    details: ['The key is printed once and kept nowhere. Send it where it belongs, not to a screen.'],
    examples: [['lockfast key generate --format root > ci.key', 'for `lockfast key source add file:ci.key`'], ['lockfast key generate --format fernet', 'a Fernet key, 44 characters']],
    load: () => import('./generate.ts'),
  },
  {
    name: 'key export',
    summary: 'hand out the Fernet key of a data key, for Python programs that encrypt under this ring',
    operands: '[ID]',
    arity: [0, 1],
    options: {
      format: { kind: 'text', value: 'FORMAT', help: 'fernet', choices: ['fernet'] },
      all: { kind: 'flag', help: 'the active key first, then the others that decrypt: one a line, as MultiFernet takes them' },
      out: { kind: 'text', value: 'FILE', help: 'a new file, mode 0600, instead of standard output' },
      reason: REASON_OPTION,
      yes: YES_OPTION,
    },
    details: [
      'Without ID it is that of the active key. The data key itself never leaves the ring: who has its Fernet key reads and makes Fernet tokens, and opens no env file and no lfv1 value.',
      'Each export is on record, with its reason. After a rotation export again: the programs must have the new key before tokens under it are written.',
    ],
    examples: [
      ['lockfast key export --format fernet --reason "web.service" --out /root/fernet.key', 'the active key'],
      ['lockfast key export --format fernet --all --reason "rotation" | paste -sd, | systemd-creds encrypt --name=fernet - fernet.cred', 'all that decrypt, straight to where they belong'],
    ],
    load: () => import('./export.ts'),
  },
  {
    name: 'key source list',
    summary: 'list the key sources that open the ring',
    options: { json: JSON_OPTION },
    examples: [['lockfast key source list', 'who can open it, and since when']],
    load: () => import('./source-list.ts'),
  },
  {
    name: 'key source add',
    summary: "add a key source: a teammate's or CI's own way to the same ring",
    operands: 'URI',
    arity: [1, 1],
    options: { kdf: { kind: 'text', value: 'NAME', help: 'for passphrase: argon2id (default) or pbkdf2-sha256, with parameters after a colon' } },
    details: ['URI is file:PATH, env:NAME, credential:NAME, passphrase: (asks) or passphrase:PATH. The key must be there now: the ring\'s own key is wrapped with it.'],
    examples: [['lockfast key source add env:LOCKFAST_ROOT_KEY', 'with the root key of CI in that variable']],
    load: () => import('./source-add.ts'),
  },
  {
    name: 'key source remove',
    summary: 'remove a key source, and give the ring a new key of its own',
    operands: 'URI',
    arity: [1, 1],
    options: { 'drop-unreachable': { kind: 'flag', help: 'also remove the sources that can not be reached from here' } },
    details: [
      'Each source that stays must be reachable from here, since the new ring key is wrapped for it. Whoever had the removed source can still read old copies of ring and files: after a compromise rotate the data keys and the secrets too.',
    ],
    examples: [['lockfast key source remove passphrase:', 'a teammate has left']],
    load: () => import('./source-remove.ts'),
  },
  {
    name: 'key accept-older',
    summary: 'go on with a key ring that is older than one seen before, on purpose',
    options: {
      above: { kind: 'text', value: 'N', help: 'the generation that was seen, as the refusal names it' },
      reason: { kind: 'text', value: 'TEXT', help: 'why; it is kept with the date and your name' },
    },
    details: ['The ring is written again as the newest one, above generation N, and that is noted in the state directory. What only the newer ring could open stays closed. Where [approvals] says key = 2, a second person approves it: of this very ring.'],
    examples: [['lockfast key accept-older --above 7 --reason "ring 7 was lost with the disk"', 'after a restore']],
    load: () => import('./accept-older.ts'),
  },
];
