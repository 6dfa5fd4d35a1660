import { dirname, join, resolve } from 'node:path';

import { ENCRYPTED_SUFFIX, encryptFile, MOST_FILE_BYTES, portabilityWarnings, refuseNoPlaintext, USUAL_FILE } from '@lockfast/core/env';
import { LockfastError } from '@lockfast/core/errors';
import { identityOf, type OpenedFile, readRegularFile, shownPath } from '@lockfast/core/files';
import { Fernet } from '@lockfast/core/formats';
import { expandPath } from '@lockfast/keys';

import type { Arguments } from '../arguments.ts';
import { askSecret } from '../prompt.ts';
import type { Session } from '../session.ts';
import { counted } from '../terminal.ts';
import { Workspace } from '../workspace.ts';

export async function run(args: Arguments, session: Session): Promise<number> {
  const [source] = args.operands as [string];
  const from = args.text('from');
  if (from === undefined) throw new LockfastError('usage', 'env convert: --from is missing', 'say --from fernet or --from plain');
  const workspace = new Workspace(args, session);
  const target = args.text('out') ?? join(dirname(source), USUAL_FILE + ENCRYPTED_SUFFIX);
  const file = readRegularFile(source, 'follow', MOST_FILE_BYTES);
  if (file.bytes.length === 0) throw new LockfastError('empty-file', `${source} is empty`, 'restore it from git or a backup');
  if (identityOf(target) !== undefined && !args.flag('force')) {
    const same = resolve(session.directory, target) === resolve(session.directory, source);
    throw new LockfastError('exists', `${target} exists${same ? ': it is the file to convert' : ''}`, 'name another file with --out, or replace it with --force');
  }
  const bytes = from === 'fernet' ? await openFernet(file, source, args, session) : file.bytes;
  refuseNoPlaintext(bytes, source);
  for (const { where, what } of portabilityWarnings(bytes)) session.terminal.warn(`${source}: ${where}: ${what}`);
  const { entries } = await workspace.encrypting(target, args.text('tenant'), (scope) =>
    encryptFile({ path: source, file: { ...file, bytes } }, target, scope, { keep: true, force: args.flag('force') }),
  );
  session.terminal.line(`${shownPath(target)}: ${counted(entries, 'line')} from ${shownPath(source)}; check it with: lockfast env list ${shownPath(target)}`);
  return 0;
}

/** The whole file is one Fernet token; white space around it is nobody's. */
async function openFernet(file: OpenedFile, source: string, args: Arguments, session: Session): Promise<Buffer> {
  const fernet = new Fernet(await fernetKey(args.text('key'), session));
  try {
    return fernet.decrypt(file.bytes.toString('latin1').trim());
  } catch (error) {
    if (!(error instanceof LockfastError)) throw error;
    throw new LockfastError(error.code, `${source}: ${error.message}`, error.hint);
  }
}

async function fernetKey(reference: string | undefined, { environment, home, directory }: Session): Promise<string> {
  if (reference === undefined) return (await askSecret('Fernet key')).use((bytes) => bytes.toString('latin1'));
  if (reference.startsWith('env:')) return environment[reference.slice(4)] ?? '';
  if (reference.startsWith('file:')) return readRegularFile(expandPath(reference.slice(5), { home, directory }), 'follow', 4096).bytes.toString('latin1');
  throw new LockfastError('usage', 'env convert: --key takes env:NAME or file:PATH', 'the key itself never goes on the command line: others could read it there');
}
