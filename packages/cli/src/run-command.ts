import { BREAK_GLASS, DIALECT, FILES, TENANT } from './env/options.ts';
import type { Command } from './command.ts';

/** Without its code: `run` has an entry of its own, which holds it, and the other entry loads it late. */
export const RUN: Omit<Command, 'load'> = {
  name: 'run',
  summary: 'run a program with the secrets in its environment, and nowhere on disk',
  operands: '-- CMD [ARG...]',
  takesCommand: true,
  options: {
    file: FILES,
    tenant: TENANT,
    dialect: DIALECT,
    override: { kind: 'flag', help: 'let the file win over variables that are set already' },
    only: { kind: 'text', value: 'A,B', help: 'give the program only these variables of the file' },
    'allow-unsafe': { kind: 'flag', help: 'let the file set PATH, LD_PRELOAD, NODE_OPTIONS and their like' },
    mask: { kind: 'flag', help: 'mask the secrets in what the program prints' },
    prepared: { kind: 'text', value: 'FILE', help: 'take what `lockfast tenant open` wrote, as units do whose account can not open the key ring' },
    ...BREAK_GLASS,
  },
  details: [
    'Lockfast becomes the program: same process id, same terminal, same signals, its exit status. There is no shell in between; the arguments arrive as they stand here.',
    'With --mask Lockfast stays beside the program, and reads what it prints. Where that is a terminal, the program gets one of its own through `script` of util-linux, without which it sees a pipe. It is a net for accidents: what is not caught, docs/guides/masking.md says.',
    'If one value does not decrypt, the program does not start. The root key is taken out of the program\'s environment.',
    'Exit status: the program\'s own, 128+n when signal n ended it, 127 when it was not found, 126 when it can\'t be run; before it starts, as every command.',
  ],
  examples: [
    ['lockfast run -- node server.js', 'with the variables of .env.encrypted'],
    ['lockfast run --file base.env.encrypted --file prod.env.encrypted -- ./serve', 'the later file wins'],
    ['lockfast run --mask -- npm test', 'with no secret in its output'],
    ['lockfast run --only DATABASE_URL -- psql', 'nothing but one variable'],
  ],
};
