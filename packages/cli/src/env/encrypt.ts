import { ENCRYPTED_SUFFIX, encryptEnvFile, encryptFile, type Encryption, portabilityWarnings, readPlaintextFile, refuseNoPlaintext, splitEntries, updateEnvFile } from '@lockfast/core/env';
import { LockfastError } from '@lockfast/core/errors';
import { shownPath } from '@lockfast/core/files';
import type { Derivation } from '@lockfast/core/formats';
import { PBKDF2_ITERATIONS } from '@lockfast/core/formats';

import type { Arguments } from '../arguments.ts';
import type { Session } from '../session.ts';
import { readStandardInput } from '../standard-input.ts';
import { counted, type Terminal } from '../terminal.ts';
import { Workspace } from '../workspace.ts';

export async function run(args: Arguments, session: Session): Promise<number> {
  const workspace = new Workspace(args, session);
  const tenant = args.text('tenant');
  const source = args.operands[0] ?? workspace.usualFile(tenant);
  if (source === '-') return encryptInput(args, session, workspace);
  const target = args.text('out') ?? source + ENCRYPTED_SUFFIX;
  const derivation = parseDerivation(args.text('derivation'));
  const plaintext = readPlaintextFile(source);
  warn(plaintext.file.bytes, source, session.terminal);
  if (plaintext.file.links > 1 && !args.flag('keep')) {
    session.terminal.warn(`${source} has another name (a hard link) that will still hold the plaintext`);
  }
  const choices = { keep: args.flag('keep'), force: args.flag('force'), ...(derivation === undefined ? {} : { derivation }) };
  const result = await workspace.encrypting(target, tenant, (scope) => encryptFile(plaintext, target, scope, choices));
  report(session.terminal, args, source, target, result);
  return 0;
}

/** Standard input, whole, to a file or to standard output. */
async function encryptInput(args: Arguments, session: Session, workspace: Workspace): Promise<number> {
  const bytes = readStandardInput();
  refuseNoPlaintext(bytes, 'standard input');
  warn(bytes, 'standard input', session.terminal);
  const target = args.text('out');
  const tenant = args.text('tenant');
  if (target === undefined || target === '-') {
    const derivation = parseDerivation(args.text('derivation'));
    // Whose it is follows from where the file would lie.
    const encrypted = await workspace.encrypting(workspace.usualEncryptedFile(tenant), tenant, (scope) => encryptEnvFile({ entries: splitEntries(bytes), derivation }, scope));
    session.terminal.raw(encrypted);
    return 0;
  }
  const result = await workspace.encrypting(target, tenant, (scope) => updateEnvFile(target, scope, () => splitEntries(bytes)));
  report(session.terminal, args, 'standard input', target, result);
  return 0;
}

function warn(bytes: Uint8Array, where: string, terminal: Terminal): void {
  for (const warning of portabilityWarnings(bytes)) terminal.warn(`${where}: ${warning.where}: ${warning.what}`);
}

function report(terminal: Terminal, args: Arguments, source: string, target: string, { written, entries, kept, revision }: Encryption): void {
  const removed = !args.flag('keep') && source !== 'standard input';
  if (args.flag('json')) {
    terminal.json({ file: target, written, entries, kept, revision, plaintext: removed ? 'removed' : 'kept' });
    return;
  }
  const what = written ? `${counted(entries, 'line')}, ${entries - kept} new or changed, revision ${revision}` : 'nothing changed';
  terminal.line(`${shownPath(target)}: ${what}${removed ? `; ${shownPath(source)} removed` : ''}`);
}

/** @throws LockfastError `usage`, `parameters-out-of-range` */
function parseDerivation(text: string | undefined): Derivation | undefined {
  if (text === undefined) return undefined;
  if (text === 'hkdf') return { name: 'hkdf' };
  const match = /^pbkdf2-sha256(?::([1-9][0-9]{0,11}))?$/.exec(text);
  if (match === null) throw new LockfastError('usage', 'env encrypt: --derivation takes hkdf, pbkdf2-sha256 or pbkdf2-sha256:ITERATIONS', 'leave it out for hkdf');
  const [, iterations] = match;
  const count = iterations === undefined ? PBKDF2_ITERATIONS.usual : Number(iterations);
  if (count < PBKDF2_ITERATIONS.least || count > PBKDF2_ITERATIONS.most) {
    throw new LockfastError('usage', 'env encrypt: the iteration count of --derivation is out of range', `take ${PBKDF2_ITERATIONS.least} to ${PBKDF2_ITERATIONS.most}`);
  }
  return { name: 'pbkdf2-sha256', iterations: count };
}
