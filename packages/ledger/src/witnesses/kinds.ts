/** The kinds of witnesses, by configuration: a new one is a file beside this one, and a row. */
import { LockfastError } from '@lockfast/core/errors';

import { CommandWitness } from './command.ts';
import { DirectoryWitness } from './directory.ts';
import { GitWitness } from './git.ts';
import { HttpWitness } from './http.ts';
import type { Witness } from './witness.ts';

/** One `[[witnesses]]` of the configuration: exactly one of the first four. */
export interface WitnessSettings {
  /** Absolute. */
  readonly directory?: string;
  readonly git?: string;
  readonly http?: string;
  readonly command?: readonly string[];
  /** With `http`: the verifier key of the witness. */
  readonly key?: string;
}

export interface WitnessSurroundings {
  /** For the programs that a witness runs: without variables that hold root keys. */
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly stateDirectory: string;
  /** Where the ledger lies, if it is a file of this machine. */
  readonly ledgerFile: string | undefined;
}

type Kind = (settings: WitnessSettings, around: WitnessSurroundings) => Witness | undefined;

const KINDS: readonly Kind[] = [
  ({ directory }, { stateDirectory, ledgerFile }) => (directory === undefined ? undefined : new DirectoryWitness(directory, stateDirectory, ledgerFile)),
  ({ git }, { stateDirectory, environment, ledgerFile }) => (git === undefined ? undefined : new GitWitness(git, stateDirectory, environment, ledgerFile)),
  ({ http, key }) => (http === undefined ? undefined : new HttpWitness(http, key ?? '')),
  ({ command }, { environment }) => (command === undefined ? undefined : new CommandWitness(command, environment)),
];

/** @throws LockfastError `config-invalid` */
export function openWitness(settings: WitnessSettings, around: WitnessSurroundings): Witness {
  const [witness, ...others] = KINDS.flatMap((kind) => kind(settings, around) ?? []);
  if (witness === undefined || others.length > 0) {
    throw new LockfastError('config-invalid', 'each [[witnesses]] has exactly one of directory, git, http and command', 'write one [[witnesses]] for each');
  }
  return witness;
}
