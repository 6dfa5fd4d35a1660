import { type Command, JSON_OPTION } from '../command.ts';

export const KEY_COMMANDS: readonly Command[] = [
  {
    name: 'key list',
    summary: 'list the keys of the key ring',
    options: { json: JSON_OPTION },
    details: ['Fingerprints and states, never a key.'],
    examples: [['lockfast key list', 'which key encrypts now, which only decrypt']],
    load: () => import('./list.ts'),
  },
  {
    name: 'key create',
    summary: 'add a new data key to the ring, staged: it decrypts, and does not encrypt yet',
    options: { json: JSON_OPTION },
    examples: [['lockfast key create', 'before a rotation, so that every machine has the key first']],
    load: () => import('./create.ts'),
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
    details: ['The ring is written again as the newest one, above generation N, and that is noted in the state directory. What only the newer ring could open stays closed.'],
    examples: [['lockfast key accept-older --above 7 --reason "ring 7 was lost with the disk"', 'after a restore']],
    load: () => import('./accept-older.ts'),
  },
];
