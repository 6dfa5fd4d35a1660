export { removeDurably } from './durable-remove.ts';
export { type DurableWrite, type FileOwner, writeDurably } from './durable-write.ts';
export type { Expected } from './expected-target.ts';
export { type FileIdentity, identityOf, sameIdentity } from './file-identity.ts';
export { ensureDirectory } from './make-directory.ts';
export { withFileLock } from './lock.ts';
export { type OpenedFile, readRegularFile } from './read-file.ts';
export { shownPath } from './shown-path.ts';
export { systemFailure } from './system-failure.ts';
