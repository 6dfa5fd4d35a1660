import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { describe, expect, test } from 'vitest';

import { CommandWitness } from '../../src/witnesses/command.ts';
import { newLog, scratch } from './log.ts';

const ENVIRONMENT = { PATH: '/usr/bin:/bin' };

async function submission() {
  const log = await newLog();
  await log.grow(3);
  return log.submission();
}

describe('a command as witness', () => {
  test('gets the signed note on standard input, its arguments as they are, and no shell', async () => {
    const out = join(scratch(), 'note; touch x');
    const taken = await submission();
    const witness = new CommandWitness(['dd', 'status=none', `of=${out}`], ENVIRONMENT);
    expect(await witness.submit(taken)).toEqual({ size: 3, cosignatures: '' });
    expect(readFileSync(out, 'utf8')).toBe(taken.note);
  });

  test('fails as the program fails, and does not show its arguments', async () => {
    const taken = await submission();
    const failing = new CommandWitness(['sh', '-c', 'exit 7', 'hunter2'], ENVIRONMENT);
    const failure = await failing.submit(taken).catch((error: unknown) => error);
    expect(failure).toMatchObject({ code: 'witness-failed', message: expect.stringContaining('status 7') });
    expect((failure as Error).message).not.toContain('hunter2');
    await expect(new CommandWitness(['sh', '-c', 'kill -9 $$'], ENVIRONMENT).submit(taken)).rejects.toMatchObject({ code: 'witness-failed' });
  });

  test('is ended with its children when it takes too long, or writes without end', async () => {
    const taken = await submission();
    const mark = join(scratch(), 'late');
    const slow = new CommandWitness(['sh', '-c', `(sleep 2; touch '${mark}') & sleep 20`], ENVIRONMENT, 300);
    await expect(slow.submit(taken)).rejects.toMatchObject({ code: 'witness-failed', message: expect.stringContaining('0.3 s') });
    await expect(new CommandWitness(['yes'], ENVIRONMENT).submit(taken)).rejects.toMatchObject({ code: 'witness-failed' });
    await new Promise((resolve) => setTimeout(resolve, 2200));
    expect(existsSync(mark)).toBe(false);
  });

  test('bug class 13: a program of the working directory is not found', async () => {
    const directory = scratch();
    writeFileSync(join(directory, 'take'), '#!/bin/sh\nexit 0\n', { mode: 0o755 });
    const before = process.cwd();
    process.chdir(directory);
    try {
      for (const name of ['take', './take', 'sub/../take']) {
        await expect(new CommandWitness([name], { PATH: '.:/usr/bin:' }).submit(await submission())).rejects.toMatchObject({ code: 'tool-missing' });
      }
    } finally {
      process.chdir(before);
    }
  });
});
