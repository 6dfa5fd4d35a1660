import { type Command, JSON_OPTION } from '../command.ts';
import { BREAK_GLASS, DIALECT, FILES, TENANT } from '../env/options.ts';

export const MASK_COMMANDS: readonly Command[] = [
  {
    name: 'mask',
    summary: 'copy standard input to standard output, with the secrets masked',
    options: {
      file: FILES,
      tenant: TENANT,
      dialect: DIALECT,
      names: { kind: 'flag', help: 'read nothing: list which variables are masked, and which are not, and why' },
      json: { ...JSON_OPTION, help: 'with --names, and for errors: print JSON' },
      ...BREAK_GLASS,
    },
    details: [
      'The secrets are those that `run` would give a program, and what the environment holds under a name such as API_KEY. Each becomes ***, as it is and in its encodings: base64, hexadecimal, percent, JSON, shell, XML and more. All other bytes pass unchanged.',
      'A value under 6 bytes, a common word and a short number are not masked: --names tells them. It is a net for accidents: what is not caught, docs/guides/masking.md says.',
    ],
    examples: [
      ['journalctl -u app | lockfast mask | less', 'read a log without its secrets'],
      ['lockfast mask --tenant acme <dump.txt >dump.masked.txt', 'with the secrets of one tenant'],
    ],
    load: () => import('./mask.ts'),
  },
];
