import type { KeyRing } from '@lockfast/core/keyring';

import type { Arguments } from '../arguments.ts';
import type { Session } from '../session.ts';
import { type NewRoot, nextSteps } from './new-root-key.ts';
import type { Workspace } from '../workspace.ts';

/** Which sources opened the ring until now, which do from now on, and what is left to do. */
export function reportSources(args: Arguments, { terminal }: Session, { configuration }: Workspace, root: NewRoot, before: KeyRing, after: KeyRing): void {
  const names = ({ sources }: KeyRing): string[] => sources.map(({ source }) => source);
  if (args.flag('json')) {
    terminal.json({ before: names(before), now: names(after), keySource: root.uri, rootKey: root.made ?? null, generation: after.version.generation });
    return;
  }
  terminal.line(`was opened by  ${names(before).join(', ')}`);
  terminal.line(`is opened by   ${names(after).join(', ')}`);
  const { file, namedSources, keyring } = configuration;
  for (const line of nextSteps({ uri: root.uri, file: root.made, configuration: file, named: namedSources, keyring })) terminal.line(line);
}
