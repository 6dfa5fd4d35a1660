import { type Command, JSON_OPTION, REASON_OPTION, YES_OPTION } from '../command.ts';

/** Tenants and their files. */
export const TENANT_COMMANDS: readonly Command[] = [
  {
    name: 'tenant own-key',
    summary: 'give tenants a key of their own, and encrypt their files with it',
    operands: '[NAME...]',
    arity: [0, 100_000],
    options: { all: { kind: 'flag', help: 'every tenant that has an encrypted file' }, reason: REASON_OPTION, json: JSON_OPTION },
    details: [
      'The key lies in the key ring, beside the data keys, and takes part in every file of the tenant from then on: without it no copy of them can be decrypted, so that `lockfast tenant shred` ends all copies at once. Copies from before are not under it.',
      'Killed at any point, every file decrypts, and the same command finishes.',
    ],
    examples: [['lockfast tenant own-key acme', 'one tenant'], ['lockfast tenant own-key --all --reason "erasure on request"', 'all of them']],
    load: () => import('./own-key.ts'),
  },
  {
    name: 'tenant shred',
    summary: "destroy a tenant's own key and remove its encrypted files, for good",
    operands: 'NAME',
    arity: [1, 1],
    options: { reason: REASON_OPTION, 'dry-run': { kind: 'flag', help: 'say what would be done, and change nothing' }, yes: YES_OPTION, json: JSON_OPTION },
    details: [
      'Every copy of its files that its own key took part in can not be decrypted any more, wherever it is. The command says what that does not cover: copies of the key ring from before and recovery backups, files from before the tenant had a key of its own, plaintext.',
      'On a terminal the name must be typed; elsewhere it takes --yes. Killed at any point, the same command finishes.',
    ],
    examples: [['lockfast tenant shred acme --dry-run', 'what it is about'], ['lockfast tenant shred acme --reason "contract ended, ticket 4711"', 'the end of it']],
    load: () => import('./shred.ts'),
  },
];
