import { type Command, JSON_OPTION } from '../command.ts';

export const SETUP_COMMANDS: readonly Command[] = [
  {
    name: 'init',
    summary: 'make a key ring and a root key for this project',
    options: {
      dir: { kind: 'text', value: 'DIR', help: 'the project (default: here)' },
      environment: { kind: 'text', value: 'NAME', help: 'the environment that the keys are for (default: production)' },
      'key-source': { kind: 'text', value: 'URI', help: 'where the root key is kept (default: a new file under ~/.config/lockfast)' },
      backup: { kind: 'text', value: 'FILE', help: 'also write a recovery backup, encrypted under a passphrase' },
      'passphrase-file': { kind: 'text', value: 'FILE', help: 'the passphrase of the backup, on its first line; without it, it is asked for' },
      json: JSON_OPTION,
    },
    details: [
      'Writes lockfast.toml and the key ring, which may be committed, and the root key, which must not be: by default it lies outside the project, mode 0400. What exists is left alone: with a key ring in place nothing is changed and the exit status is 5.',
      'With --key-source env:NAME, credential:NAME or a file that exists, that root key is used; `lockfast key generate --format root` makes one.',
    ],
    examples: [
      ['lockfast init', 'keys for production'],
      ['lockfast init --environment staging --backup /mnt/usb/staging.backup', 'and a recovery backup'],
    ],
    load: () => import('./init.ts'),
  },
  {
    name: 'status',
    summary: 'show what is encrypted, what is not, and what needs doing',
    options: { json: JSON_OPTION },
    details: ['Exit status 1 when something is wrong: a plaintext file beside its encrypted one, a file that is damaged or that this key ring does not open. Nothing is decrypted: that nobody altered a file on purpose, `env verify` proves. A missing backup is said and is no failure.'],
    examples: [['lockfast status', 'the project at a glance']],
    load: () => import('./status.ts'),
  },
  {
    name: 'doctor',
    summary: 'check this machine: versions, permissions, key sources, editor, git',
    options: { json: JSON_OPTION },
    examples: [['lockfast doctor', 'what works here, and what to do about the rest']],
    load: () => import('./doctor.ts'),
  },
  {
    name: 'completion',
    summary: 'print the completion script of a shell',
    operands: 'bash|zsh|fish',
    arity: [1, 1],
    options: {},
    examples: [
      ['lockfast completion bash > /etc/bash_completion.d/lockfast', 'bash'],
      ['lockfast completion zsh > /usr/share/zsh/vendor-completions/_lockfast', 'zsh'],
      ['lockfast completion fish > ~/.config/fish/completions/lockfast.fish', 'fish'],
    ],
    load: () => import('./completion.ts'),
  },
];
