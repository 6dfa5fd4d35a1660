import type { Arguments } from '../arguments.ts';
import type { Session } from '../session.ts';
import { Workspace } from '../workspace.ts';
import { readVariables } from './reading.ts';

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
  for (const [name, value] of variables) session.terminal.line(reveal && value !== null ? `${name}=${onOneLine(value)}` : name);
  return 0;
}

/** A value with line breaks or control characters is shown as a JSON string: it must not forge a line, or drive the terminal. */
function onOneLine(value: string): string {
  // oxlint-disable-next-line no-control-regex
  return /[\u0000-\u001f\u007f-\u009f]/.test(value) ? JSON.stringify(value) : value;
}
