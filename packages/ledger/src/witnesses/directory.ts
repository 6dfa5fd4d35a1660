import { join } from 'node:path';

import { LockfastError } from '@lockfast/core/errors';
import { type OpenedFile, readRegularFile, withFileLock, writeDurably } from '@lockfast/core/files';

import { advances } from './advance.ts';
import { checkpointFile, heldCheckpoint, MOST_NOTE_BYTES, witnessFailure } from './checkpoint-file.ts';
import { deviceOf, isOnDiskOf, SAME_DISK } from './same-disk.ts';
import type { Receipt, Submission, Witness } from './witness.ts';

/** Anybody may read it: it names a size and hashes, and an auditor is to compare it. */
const CHECKPOINT_MODE = 0o644;

/** A directory with one file for each origin, best on another machine's disk. */
export class DirectoryWitness implements Witness {
  readonly name: string;
  readonly readable = true;
  readonly #directory: string;
  readonly #stateDirectory: string;
  readonly #ledgerFile: string | undefined;

  /** @param ledgerFile where the ledger lies, if it is a file of this machine */
  constructor(directory: string, stateDirectory: string, ledgerFile: string | undefined) {
    this.name = `the directory ${directory}`;
    this.#directory = directory;
    this.#stateDirectory = stateDirectory;
    this.#ledgerFile = ledgerFile;
  }

  get warning(): string | undefined {
    return isOnDiskOf(this.#ledgerFile, this.#directory) ? SAME_DISK : undefined;
  }

  async newest(origin: string): Promise<string | undefined> {
    const note = this.#read(this.#file(origin))?.bytes.toString('utf8');
    if (note !== undefined) heldCheckpoint(note, this.name);
    return note;
  }

  async submit(submission: Submission): Promise<Receipt> {
    const file = this.#file(submission.origin);
    try {
      return await withFileLock(this.#stateDirectory, file, async () => {
        const found = this.#read(file);
        const held = found === undefined ? undefined : heldCheckpoint(found.bytes.toString('utf8'), this.name);
        if (!(await advances(held, submission, this.name))) return { size: held!.size, cosignatures: '' };
        // The lock is of this machine; another one that writes here meanwhile is found by the file's identity.
        writeDurably({ path: file, bytes: Buffer.from(submission.note, 'utf8'), mode: CHECKPOINT_MODE, expected: found?.identity ?? 'absent' });
        return { size: submission.size, cosignatures: '' };
      });
    } catch (error) {
      throw witnessFailure(error, this.name);
    }
  }

  /** The directory is never made: a disk that is not mounted would get a witness on the ledger's own. */
  #file(origin: string): string {
    if (deviceOf(this.#directory) === undefined) throw new LockfastError('witness-failed', `${this.name} is not there`, 'mount its disk, or make the directory if it is new');
    return join(this.#directory, checkpointFile(origin));
  }

  #read(file: string): OpenedFile | undefined {
    try {
      return readRegularFile(file, 'refuse', MOST_NOTE_BYTES);
    } catch (error) {
      if (error instanceof LockfastError && error.code === 'not-found') return undefined;
      throw witnessFailure(error, this.name);
    }
  }
}
