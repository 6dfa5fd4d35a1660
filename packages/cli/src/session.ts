import type { Terminal } from './terminal.ts';

/** What a command may touch of the process that it runs in. Made once, in `main.ts`. */
export interface Session {
  readonly terminal: Terminal;
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly directory: string;
  readonly home: string;
  /** The words of the command, for example `env encrypt`. */
  readonly command: string;
}
