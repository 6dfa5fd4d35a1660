/** A key ring as it stands in its file: names, states and sources, without any key being opened, and so without proof. */
import { readRegularFile } from '@lockfast/core/files';
import { parseRing } from '@lockfast/core/keyring';

type RingDocument = ReturnType<typeof parseRing>;

/** @throws LockfastError `not-found`, `ring-malformed`, `unsupported-format`, and as `readRegularFile` */
export function readRing(path: string, links: 'follow' | 'refuse' = 'follow'): RingDocument {
  return parseRing(readRegularFile(path, links).bytes.toString('utf8'), path);
}
