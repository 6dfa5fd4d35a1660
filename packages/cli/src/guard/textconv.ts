import { createHash } from 'node:crypto';

import { isEncryptedFile, MOST_FILE_BYTES, parseFile } from '@lockfast/core/env';
import { readRegularFile, shownLine } from '@lockfast/core/files';

import type { Arguments } from '../arguments.ts';
import type { Session } from '../session.ts';

/** An unchanged value keeps its ciphertext, so a digest of that tells what changed, to anybody. */
export async function run(args: Arguments, { terminal }: Session): Promise<number> {
  const [file] = args.operands as [string];
  const { bytes } = readRegularFile(file, 'follow', MOST_FILE_BYTES);
  if (!isEncryptedFile(bytes)) {
    // It may be a plaintext under the wrong name, and this goes to a terminal, or into a log.
    terminal.line(`not an encrypted file: ${bytes.length} bytes, ${digest(bytes)}`);
    return 0;
  }
  const { header, lines } = parseFile(bytes, file);
  terminal.line(`# revision ${header.revision}, key ${header.key}, ${shownLine(header.environment)}${header.tenant === '' ? '' : `, tenant ${shownLine(header.tenant)}`}`);
  for (const { kind, name, value } of lines) terminal.line(kind === 'other' ? `# ${digest(value)}` : `${kind === 'export' ? 'export ' : ''}${name}=${digest(value)}`);
  return 0;
}

function digest(data: string | Uint8Array): string {
  return createHash('sha256').update(data).digest('hex').slice(0, 12);
}
