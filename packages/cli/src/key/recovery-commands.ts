/** The commands by which keys are not lost. */
import { type Command, JSON_OPTION, YES_OPTION } from '../command.ts';
import { NEW_KEY_OUT } from './new-root-key-option.ts';

const PASSPHRASE_FILE = { kind: 'text', value: 'FILE', help: 'the passphrase, on the first line of a file; without it, it is asked for' } as const;

export const RECOVERY_COMMANDS: readonly Command[] = [
  {
    name: 'key backup',
    summary: 'write a recovery backup: the key ring once more, encrypted under a passphrase',
    operands: 'FILE',
    arity: [1, 1],
    options: {
      'passphrase-file': PASSPHRASE_FILE,
      kdf: { kind: 'text', value: 'NAME', help: 'argon2id (default) or pbkdf2-sha256, with parameters after a colon' },
      force: { kind: 'flag', help: 'replace FILE, if it exists' },
      json: JSON_OPTION,
    },
    details: ['It opens what its keys encrypted: make another one after each rotation. Keep it off this machine, and the passphrase apart from it. It is opened again as proof, and with it the records of the ledger from now on can be checked.'],
    examples: [['lockfast key backup /mnt/usb/shop.backup', 'asks for a passphrase'], ['lockfast key restore /mnt/usb/shop.backup --drill', 'try it']],
    load: () => import('./backup.ts'),
  },
  {
    name: 'key restore',
    summary: 'rebuild a key ring that opens, from a recovery backup or from shares, with a new root key',
    operands: 'FILE|SHARE...',
    arity: [0, 255],
    options: {
      shares: { kind: 'flag', help: 'what is named are files with shares; none named: they are asked for' },
      ring: { kind: 'text', value: 'FILE', help: 'with --shares: the key ring that they open (default: the configured one)' },
      'key-source': { kind: 'text', value: 'URI', help: 'wrap the ring for this root key, which is there, and make none' },
      'new-key-out': NEW_KEY_OUT,
      'passphrase-file': PASSPHRASE_FILE,
      dir: { kind: 'text', value: 'DIR', help: 'the project (default: the one here or above, else here)' },
      drill: { kind: 'flag', help: 'try all of it in memory, decrypt every configured file, and write nothing' },
      force: { kind: 'flag', help: 'replace a key ring that exists; it is kept beside' },
      'drop-keys': { kind: 'flag', help: 'with --force: also when the key ring that is replaced has keys that this one lacks' },
      json: JSON_OPTION,
    },
    details: [
      'Without --key-source or --new-key-out the root key is the file that lockfast.toml names, made if it is missing. The ring is wrapped for that one alone: teammates and CI are added again. Where there is no lockfast.toml, it is written.',
      'A key ring that has keys which the backup lacks is not replaced, and they are named. At the end every configured file is decrypted; one that does not open is named, and the exit status is 1.',
    ],
    examples: [
      ['lockfast key restore /mnt/usb/shop.backup', 'the root key is lost'],
      ['lockfast key restore --shares anna.share ben.share cem.share', 'with shares, and the key ring from git'],
      ['lockfast key restore /mnt/usb/shop.backup --drill', 'once a quarter'],
    ],
    load: () => import('./restore.ts'),
  },
  {
    name: 'key split',
    summary: 'make shares for several people, some of which together open the key ring',
    options: {
      shares: { kind: 'text', value: 'N', help: 'how many, at most 255' },
      threshold: { kind: 'text', value: 'M', help: 'how many of them open the ring, at least 2' },
      out: { kind: 'text', value: 'DIR', help: 'write each to a file there, mode 0400; without it they are shown one after the other' },
      json: JSON_OPTION,
    },
    details: ['Fewer than M shares say nothing about the key (Shamir). They stay good while the ring keeps its own key: `key source remove`, `key rewrap --replace` and `key restore` end them.'],
    examples: [['lockfast key split --shares 5 --threshold 3 --out /media/shares', 'any 3 of 5 people']],
    load: () => import('./split.ts'),
  },
  {
    name: 'key combine',
    summary: 'make a new root key for the ring, by the shares of `key split`',
    operands: '[SHARE...]',
    arity: [0, 255],
    options: {
      'new-key-out': NEW_KEY_OUT,
      'key-source': { kind: 'text', value: 'URI', help: 'add this root key, which is there, and make none' },
      replace: { kind: 'flag', help: 'nothing else opens the ring from now on, these shares included' },
      json: JSON_OPTION,
    },
    details: ['SHARE is a file with one share, or several, one a line. Without any they are asked for. The sources that the ring has stay, unless --replace is given.'],
    examples: [['lockfast key combine anna.share ben.share cem.share', 'the root key is lost, three people are here']],
    load: () => import('./combine.ts'),
  },
  {
    name: 'key rewrap',
    summary: 'give the ring another root key; no encrypted file changes',
    options: {
      'new-key-out': NEW_KEY_OUT,
      to: { kind: 'text', value: 'URI', help: 'use this key source, whose root key is there, and make none' },
      replace: { kind: 'flag', help: 'nothing else opens the ring from now on' },
      yes: YES_OPTION,
      json: JSON_OPTION,
    },
    details: [
      'The data keys stay the same, so whoever had the old root key and an old copy of the ring still reads what was encrypted until now: after a compromise use `lockfast key rotate --root`. With --replace shares and the sources of teammates and CI go, too.',
    ],
    examples: [['lockfast key rewrap', 'a new root key beside the old one, until every machine has it'], ['lockfast key rewrap --to credential:lockfast --replace', 'only systemd hands it over from now on']],
    load: () => import('./rewrap.ts'),
  },
];
