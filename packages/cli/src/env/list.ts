import type { Arguments } from '../arguments.ts';
import type { Session } from '../session.ts';
import { Workspace } from '../workspace.ts';
import { readVariables } from './reading.ts';
import { shownValue } from './shown-value.ts';

export async function run(args: Arguments, session: Session): Promise<number> {
  const workspace = new Workspace(args, session);
  const file = args.operands[0] ?? workspace.usualEncryptedFile(args.text('tenant'));
  const { variables } = await readVariables(file, args, workspace, session);
  const reveal = args.flag('reveal');
  if (args.flag('json')) {
    const shown = [...variables].map(([name, value]) => (reveal && value !== null ? { name, value } : { name }));
    session.terminal.json({ variables: shown });
    return 0;
  }
  for (const [name, value] of variables) session.terminal.line(reveal && value !== null ? `${shownValue(name)}=${shownValue(value)}` : shownValue(name));
  return 0;
}
