import { LockfastError } from '@lockfast/core/errors';
import { Masker, namePattern, SensitiveNames } from '@lockfast/core/mask';

import type { MaskSettings } from '../configuration.ts';
import type { Session } from '../session.ts';

type Environment = Readonly<Record<string, string | undefined>>;

/** What is masked: the files' variables, and those of the environment whose names say that they are secrets. */
export function secretsOf(values: ReadonlyMap<string, string | null>, environment: Environment, { names = [], except = [] }: MaskSettings): [name: string, value: string][] {
  const sensitive = new SensitiveNames(names);
  const open = namePattern(except);
  const around = Object.entries(environment).filter(([name]) => values.has(name) || sensitive.has(name));
  return [...values, ...around].flatMap(([name, value]): [string, string][] => (value === null || value === undefined || open.test(name) ? [] : [[name, value]]));
}

/** Says which secrets can't be masked; a short value under another name, `PORT` or `DEBUG`, is no news. */
export function openMasker(values: ReadonlyMap<string, string | null>, environment: Environment, settings: MaskSettings, { terminal }: Pick<Session, 'terminal'>): Masker {
  const secrets = secretsOf(values, environment, settings);
  const sensitive = new SensitiveNames(settings.names);
  const masker = new Masker(secrets);
  const bare = masker.notMasked.map(({ name }) => name).filter((name) => values.has(name) && sensitive.has(name));
  if (bare.length > 0) terminal.warn(`not masked, too short or too common: ${[...new Set(bare)].join(', ')}`);
  return masker;
}

/** @throws LockfastError `usage` where standard input is a terminal: nobody types what is to be masked */
export function refuseTerminal(isTerminal: boolean): void {
  if (isTerminal) throw new LockfastError('usage', 'mask: standard input is a terminal', 'send it the text: CMD | lockfast mask');
}
