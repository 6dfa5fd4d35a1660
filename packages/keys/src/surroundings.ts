import type { KdfChoice, Secret } from '@lockfast/core/keyring';

/** What key sources need from the process that they run in. Handed down by the command, or by an application. */
export interface Surroundings {
  /** Variables that `env:` and `credential:` look into. */
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** What `~` stands for. */
  readonly home: string;
  /** What a relative path starts from: the directory of the configuration. */
  readonly directory: string;
  /** Asks a person for a passphrase. @throws LockfastError `terminal-needed` where nobody can be asked */
  readonly askPassphrase: (question: string) => Promise<Secret>;
  /**
   * Asks for recovery shares of the set, as many as they say that they need: `readShare` tells. Where it is missing, none are asked for.
   *
   * @throws LockfastError `terminal-needed` where nobody can be asked
   */
  readonly askShares?: (set: string) => Promise<readonly string[]>;
  /** How a new passphrase wrapping is stretched. */
  readonly kdf?: KdfChoice;
}
