import { chmodSync, mkdirSync, readdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { describe, expect, test } from 'vitest';

import { isRoot } from '@lockfast/testkit';
import { DirectoryWitness } from '../../src/witnesses/directory.ts';
import { newLog, scratch } from './log.ts';

function witnessIn(directory: string, ledgerFile?: string): DirectoryWitness {
  return new DirectoryWitness(directory, scratch(), ledgerFile);
}

describe('a directory as witness', () => {
  test('keeps the newest checkpoint, readable by auditors, and gives it back', async () => {
    const log = await newLog();
    const directory = scratch();
    const witness = witnessIn(directory);
    expect(await witness.newest(log.origin)).toBeUndefined();
    for (const count of [3, 5, 1]) {
      await log.grow(count);
      const submission = await log.submission();
      expect(await witness.submit(submission)).toEqual({ size: submission.size, cosignatures: '' });
      expect(await witness.newest(log.origin)).toBe(submission.note);
    }
    const [name, ...others] = readdirSync(directory);
    expect(others).toEqual([]);
    expect(statSync(join(directory, name!)).mode & 0o777).toBe(0o644);
  });

  test('an older checkpoint never replaces a newer one, and its size is said', async () => {
    const log = await newLog();
    const witness = witnessIn(scratch());
    await log.grow(9);
    const newer = await log.submission();
    await witness.submit(newer);
    expect(await witness.submit(await log.submission(4))).toEqual({ size: 9, cosignatures: '' });
    expect(await witness.newest(log.origin)).toBe(newer.note);
  });

  test.each([7, 12])('[B5] a ledger that was rewritten by who has the key is refused, with %i entries against 7', async (size) => {
    const log = await newLog();
    const witness = witnessIn(scratch());
    await log.grow(7);
    const good = await log.submission();
    await witness.submit(good);
    const forged = await newLog(log);
    await forged.grow(size, 'forged');
    await expect(witness.submit(await forged.submission())).rejects.toMatchObject({ code: 'ledger-tampered' });
    expect(await witness.newest(log.origin)).toBe(good.note);
  });

  test('two ledgers have a file each, and no origin leads out of the directory', async () => {
    const base = scratch();
    const directory = join(base, 'witness');
    mkdirSync(directory);
    const log = await newLog();
    await log.grow(2);
    const submission = await log.submission();
    const witness = witnessIn(directory);
    await witness.submit(submission);
    await witness.submit({ ...submission, origin: '../../outside', note: submission.note.replaceAll(log.origin, '../../outside') });
    expect(readdirSync(base)).toEqual(['witness']);
    expect(readdirSync(directory)).toHaveLength(2);
  });

  test('a directory that is not there is not made: its disk may not be mounted', async () => {
    const log = await newLog();
    await log.grow(1);
    const base = scratch();
    await expect(witnessIn(join(base, 'mnt')).submit(await log.submission())).rejects.toMatchObject({ code: 'witness-failed' });
    await expect(witnessIn(join(base, 'mnt')).newest(log.origin)).rejects.toMatchObject({ code: 'witness-failed' });
    expect(readdirSync(base)).toEqual([]);
  });

  test('garbage, another ledger\'s checkpoint, a link and a huge file in its place are failures, and stay as they are', async () => {
    const log = await newLog();
    await log.grow(2);
    const submission = await log.submission();
    const other = await newLog();
    await other.grow(1);
    const cases: ((path: string) => void)[] = [
      (path) => writeFileSync(path, 'garbage\n'),
      (path) => writeFileSync(path, ''),
      (path) => writeFileSync(path, Buffer.alloc(2 ** 20, 0x41)),
      (path) => symlinkSync('/etc/hostname', path),
    ];
    const otherNote = (await other.submission()).note;
    cases.push((path) => writeFileSync(path, otherNote));
    for (const plant of cases) {
      const directory = scratch();
      const witness = witnessIn(directory);
      await witness.submit(submission);
      const path = join(directory, readdirSync(directory)[0]!);
      chmodSync(directory, 0o755);
      const { rmSync } = await import('node:fs');
      rmSync(path);
      plant(path);
      const before = readFileSync(path);
      await expect(witness.submit(submission)).rejects.toMatchObject({ code: 'witness-failed' });
      expect(readFileSync(path).equals(before)).toBe(true);
    }
  });

  test.skipIf(isRoot)('a directory that may not be written is a failure of the witness', async () => {
    const log = await newLog();
    await log.grow(1);
    const directory = scratch();
    chmodSync(directory, 0o500);
    await expect(witnessIn(directory).submit(await log.submission())).rejects.toMatchObject({ code: 'witness-failed' });
  });

  test('says when it is on the disk of the ledger, also when the ledger is not made yet', () => {
    const directory = scratch();
    expect(witnessIn(directory, join(directory, 'ledger.db')).warning).toMatch(/same disk/);
    expect(witnessIn('/dev/shm', join(directory, 'ledger.db')).warning === undefined).toBe(statSync('/dev/shm').dev !== statSync(directory).dev);
    expect(witnessIn(directory).warning).toBeUndefined();
  });

  test('many at once leave the newest', async () => {
    const log = await newLog();
    await log.grow(20);
    const directory = scratch();
    const state = scratch();
    const submissions = await Promise.all([20, 3, 15, 8, 19, 1].map((size) => log.submission(size)));
    await Promise.all(submissions.map((submission) => new DirectoryWitness(directory, state, undefined).submit(submission)));
    expect(await new DirectoryWitness(directory, state, undefined).newest(log.origin)).toBe(submissions[0]!.note);
  });
});
