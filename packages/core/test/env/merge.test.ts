/** The three-way merge, first of entries, then of encrypted files. */
import fc from 'fast-check';
import { beforeAll, describe, expect, test } from 'vitest';

import { encryptEnvFile, type EnvScope, mergeEntries, mergeFiles, openEnvFile, type OpenedEnvFile, plaintextOf, printEntries, type Side, splitEntries } from '@lockfast/core/env';
import type { KeyRing } from '@lockfast/core/keyring';

import { refusalOf } from '../files/refusal.ts';
import { cases, LONG } from '../formats/scale.ts';
import { envLikeBytes, orderlyFile } from './generators.ts';
import { measured } from './measured.ts';
import { newRing, rotated } from './rings.ts';
import { linesOf } from './second-writer.ts';

function merge(base: string | Uint8Array, ours: string | Uint8Array, theirs: string | Uint8Array, prefer?: Side): { text: string; conflicts: readonly string[] } {
  const [a, b, c] = [base, ours, theirs].map((text) => splitEntries(Buffer.from(text)));
  const { entries, conflicts } = mergeEntries(a!, b!, c!, prefer);
  return { text: printEntries(entries).toString('latin1'), conflicts };
}

const BASE = '# top\nA=1\nB=2\n\nC=3\n';

describe('one side alone', () => {
  const table: readonly (readonly [title: string, side: string])[] = [
    ['changes a value', '# top\nA=1\nB=new\n\nC=3\n'],
    ['adds a line at the end', `${BASE}D=4\n`],
    ['adds a line in the middle', '# top\nA=1\nN=0\nB=2\n\nC=3\n'],
    ['adds a line at the front', `N=0\n${BASE}`],
    ['adds a comment', '# top\nA=1\n# about B\nB=2\n\nC=3\n'],
    ['adds blank lines', '\n# top\nA=1\n\nB=2\n\n\nC=3\n'],
    ['changes a comment', '# other\nA=1\nB=2\n\nC=3\n'],
    ['removes a line', '# top\nA=1\n\nC=3\n'],
    ['removes a comment', 'A=1\nB=2\n\nC=3\n'],
    ['removes all', ''],
    ['renames a variable', '# top\nA=1\nZ=2\n\nC=3\n'],
    ['moves a line to the end', '# top\nB=2\n\nC=3\nA=1\n'],
    ['moves a line to the front', 'C=3\n# top\nA=1\nB=2\n\n'],
    ['turns the file round', 'C=3\n\nB=2\nA=1\n# top\n'],
    ['makes an export of it', '# top\nexport A=1\nB=2\n\nC=3\n'],
    ['writes CR LF', BASE.replaceAll('\n', '\r\n')],
    ['repeats a line', '# top\nA=1\nA=1\nB=2\n\nC=3\n'],
    ['repeats a name', '# top\nA=1\nB=2\n\nC=3\nA=9\n'],
    ['changes everything', 'X=1\n# y\n'],
  ];
  test.each(table)('%s', (_, side) => {
    expect(merge(BASE, side, BASE)).toEqual({ text: side, conflicts: [] });
    expect(merge(BASE, BASE, side)).toEqual({ text: side, conflicts: [] });
    expect(merge(BASE, side, side)).toEqual({ text: side, conflicts: [] });
  });
});

describe('both sides', () => {
  test.each([
    ['change different lines', BASE, BASE.replace('A=1', 'A=one'), BASE.replace('C=3', 'C=three'), '# top\nA=one\nB=2\n\nC=three\n'],
    ['change the same line alike', BASE, BASE.replace('A=1', 'A=one'), BASE.replace('A=1', 'A=one'), '# top\nA=one\nB=2\n\nC=3\n'],
    ['add different lines at one place: theirs first, each after what it follows', 'A=1\n', 'A=1\nOURS=1\n', 'A=1\nTHEIRS=1\n', 'A=1\nTHEIRS=1\nOURS=1\n'],
    ['add lines at different places', 'A=1\nB=2\n', 'A=1\nOURS=1\nB=2\n', 'A=1\nB=2\nTHEIRS=1\n', 'A=1\nOURS=1\nB=2\nTHEIRS=1\n'],
    ['add the same line', 'A=1\n', 'A=1\nN=1\n', 'A=1\nN=1\n', 'A=1\nN=1\n'],
    ['add the same comment', 'A=1\n', '# c\nA=1\n', '# c\nA=1\n', '# c\nA=1\n'],
    ['remove the same line', BASE, BASE.replace('B=2\n', ''), BASE.replace('B=2\n', ''), '# top\nA=1\n\nC=3\n'],
    ['remove different lines', BASE, BASE.replace('A=1\n', ''), BASE.replace('C=3\n', ''), '# top\nB=2\n\n'],
    ['remove and change different lines', BASE, BASE.replace('A=1\n', ''), BASE.replace('C=3', 'C=9'), '# top\nB=2\n\nC=9\n'],
    ['add after a line that the other removes', 'A=1\nB=2\n', 'A=1\n', 'A=1\nB=2\nN=1\n', 'A=1\nN=1\n'],
    ['change a comment and a value', BASE, BASE.replace('top', 'ours'), BASE.replace('A=1', 'A=9'), '# ours\nA=9\nB=2\n\nC=3\n'],
    ['move, and change what was moved', 'A=1\nB=2\nC=3\n', 'B=2\nC=3\nA=1\n', 'A=9\nB=2\nC=3\n', 'B=2\nC=3\nA=9\n'],
    ['change what the other moved', 'A=1\nB=2\nC=3\n', 'A=9\nB=2\nC=3\n', 'B=2\nC=3\nA=1\n', 'B=2\nC=3\nA=9\n'],
    ['move differently: ours', 'A=1\nB=2\nC=3\n', 'B=2\nC=3\nA=1\n', 'C=3\nA=1\nB=2\n', 'B=2\nC=3\nA=1\n'],
    ['move, and add', 'A=1\nB=2\nC=3\n', 'A=1\nB=2\nC=3\nOURS=1\n', 'C=3\nA=1\nB=2\n', 'C=3\nOURS=1\nA=1\nB=2\n'],
    ['start from nothing', '', 'A=1\n', 'B=2\n', 'B=2\nA=1\n'],
    ['start from nothing, alike', '', 'A=1\nB=2\n', 'A=1\nB=2\n', 'A=1\nB=2\n'],
    ['append to a line without a newline', 'A=1', 'A=1\nB=2', 'A=1\nC=3', 'A=1\nC=3\nB=2'],
    ['append to it, and change it', 'A=1', 'A=1\nB=2\n', 'A=9', 'A=9\nB=2\n'],
    ['change it, and append to it', 'A=1', 'A=9', 'A=1\nB=2\n', 'A=9\nB=2\n'],
    ['append to a comment without a newline', '# c', '# c\nB=2\n', '# c\nC=3', '# c\nC=3\nB=2\n'],
    ['change duplicates apart', 'A=1\nA=2\n', 'A=one\nA=2\n', 'A=1\nA=two\n', 'A=one\nA=two\n'],
  ])('%s', (_, base, ours, theirs, expected) => {
    expect(merge(base, ours, theirs)).toEqual({ text: expected, conflicts: [] });
  });

  test.each([
    ['change a line differently', 'A=1\nB=2\n', 'A=ours\nB=2\n', 'A=theirs\nB=2\n', 'A=ours\nB=2\n', 'A=theirs\nB=2\n', ['A']],
    ['add a name with different values', 'B=2\n', 'B=2\nA=ours\n', 'B=2\nA=theirs\n', 'B=2\nA=ours\n', 'B=2\nA=theirs\n', ['A']],
    ['add a name with different values to nothing', '', 'A=ours\n', 'A=theirs\n', 'A=ours\n', 'A=theirs\n', ['A']],
    ['change and remove', 'A=1\nB=2\n', 'A=ours\nB=2\n', 'B=2\n', 'A=ours\nB=2\n', 'B=2\n', ['A']],
    ['remove and change', 'A=1\nB=2\n', 'B=2\n', 'A=theirs\nB=2\n', 'B=2\n', 'A=theirs\nB=2\n', ['A']],
    ['change it and export it', 'A=1\n', 'A=2\n', 'export A=1\n', 'A=2\n', 'export A=1\n', ['A']],
    ['change two', 'A=1\nB=2\n', 'A=3\nB=4\n', 'A=5\nB=6\n', 'A=3\nB=4\n', 'A=5\nB=6\n', ['A', 'B']],
    ['remove one of two, change the other', 'A=1\nA=2\n', 'A=2\n', 'A=1\nA=3\n', 'A=2\n', 'A=1\nA=3\n', ['A']],
    ['set it once more, change it', 'A=1\nB=2\n', 'A=9\nB=2\n', 'A=1\nB=2\nA=5\n', 'A=9\nB=2\n', 'A=1\nB=2\nA=5\n', ['A']],
    ['set it once more, remove it', 'A=1\nB=2\n', 'B=2\n', 'A=1\nB=2\nA=5\n', 'B=2\n', 'A=1\nB=2\nA=5\n', ['A']],
    ['add it once, add it twice', 'B=2\n', 'B=2\nA=1\n', 'B=2\nA=1\nA=2\n', 'B=2\nA=1\n', 'B=2\nA=1\nA=2\n', ['A']],
  ])('conflict: they %s', (_, base, ours, theirs, asOurs, asTheirs, names) => {
    expect(merge(base, ours, theirs)).toEqual({ text: asOurs, conflicts: names });
    expect(merge(base, ours, theirs, 'ours')).toEqual({ text: asOurs, conflicts: names });
    expect(merge(base, ours, theirs, 'theirs')).toEqual({ text: asTheirs, conflicts: names });
  });
});

describe('for any files', LONG, () => {
  const file = fc.oneof(orderlyFile, envLikeBytes).map((bytes) => Buffer.from(bytes).toString('latin1'));
  const latin1 = (text: string): Buffer => Buffer.from(text, 'latin1');
  const ended = (text: string): string => text.replace(/\n$/, '');

  test('a side that changed nothing has no say; the final newline apart', () => {
    fc.assert(
      fc.property(file, file, (base, side) => {
        for (const [ours, theirs] of [[side, base], [base, side], [side, side]] as const) {
          const { text, conflicts } = merge(latin1(base), latin1(ours), latin1(theirs));
          expect(conflicts).toEqual([]);
          expect(ended(text)).toBe(ended(side));
        }
      }),
      { numRuns: cases(1_000) },
    );
  });

  test('no line comes from nowhere, no new line is lost without a conflict, and every line but the last is ended', () => {
    fc.assert(
      fc.property(file, file, file, (base, ours, theirs) => {
        const [before, left, right] = [base, ours, theirs].map((text) => splitEntries(latin1(text)));
        const { entries, conflicts } = mergeEntries(before!, left!, right!);
        const text = (list: typeof entries): string[] => list.map(({ bytes }) => ended(bytes.toString('latin1')));
        const merged = text(entries);
        for (const line of merged) expect([...text(left!), ...text(right!)]).toContain(line);
        for (const side of [left!, right!]) {
          for (const { name, bytes } of side) {
            const line = ended(bytes.toString('latin1'));
            if (name !== '' && !conflicts.includes(name) && !text(before!).includes(line)) expect(merged).toContain(line);
          }
        }
        expect(entries.slice(0, -1).every(({ bytes }) => bytes.at(-1) === 0x0a)).toBe(true);
      }),
      { numRuns: cases(1_000) },
    );
  });

  test('which side is called ours changes the order at most, where nothing conflicts', () => {
    fc.assert(
      fc.property(file, file, file, (base, ours, theirs) => {
        const [one, other] = [merge(latin1(base), latin1(ours), latin1(theirs)), merge(latin1(base), latin1(theirs), latin1(ours))];
        expect(one.conflicts.toSorted()).toEqual(other.conflicts.toSorted());
        if (one.conflicts.length > 0) return;
        const sorted = (text: string): string[] => splitEntries(latin1(ended(text) + '\n')).map(({ bytes }) => bytes.toString('latin1')).toSorted();
        if (!/["'`]/.test(one.text)) expect(sorted(one.text)).toEqual(sorted(other.text));
      }),
      { numRuns: cases(1_000) },
    );
  });
});

test('50 000 lines, most of them new on one side, take no quadratic time', () => {
  const lines = (from: number, to: number): string => Array.from({ length: to - from }, (_, i) => `V${from + i}=1\n`).join('');
  const { result, seconds } = measured(() => merge(lines(0, 10), lines(0, 25_000), lines(0, 10) + lines(25_000, 50_000)));
  expect(result.text.split('\n')).toHaveLength(50_001);
  expect(seconds).toBeLessThan(5);
});

describe('mergeFiles', () => {
  let ring: KeyRing;
  let scope: EnvScope;
  let base: OpenedEnvFile;

  beforeAll(async () => {
    ring = await newRing();
    scope = { ring, tenant: 'acme' };
    base = open(encryptEnvFile({ entries: splitEntries(Buffer.from('# c\nA=1\nB=2\nC=3\n')) }, scope));
  });

  const open = (bytes: Buffer, to: EnvScope = scope): OpenedEnvFile => openEnvFile(bytes, to, 'x');
  const next = (file: OpenedEnvFile, text: string): OpenedEnvFile => open(encryptEnvFile({ entries: splitEntries(Buffer.from(text)), previous: file }, scope));

  test('[B2] both sides keep their ciphertext, and the revision is one above the highest', () => {
    const ours = next(next(base, '# c\nA=one\nB=2\nC=3\n'), '# c\nA=two\nB=2\nC=3\n');
    const theirs = next(base, '# c\nA=1\nB=2\nC=three\nD=4\n');
    const { bytes, conflicts } = mergeFiles(base, ours, theirs, 'ours', scope);
    const merged = open(bytes);
    expect(conflicts).toEqual([]);
    expect(plaintextOf(merged).toString()).toBe('# c\nA=two\nB=2\nC=three\nD=4\n');
    expect(merged.header).toMatchObject({ revision: 4, tenant: 'acme', salt: base.header.salt });
    const known = new Set([...linesOf(ours.bytes), ...linesOf(theirs.bytes)]);
    expect(linesOf(bytes).slice(1, -1).every((line) => known.has(line))).toBe(true);
  });

  test('the revision is above the other side, also when that one has more', () => {
    const theirs = next(next(next(base, 'A=2\n'), 'A=3\n'), '# c\nA=1\nB=2\nC=3\nD=4\n');
    expect(open(mergeFiles(base, base, theirs, 'ours', scope).bytes).header.revision).toBe(5);
  });

  test.each(['ours', 'theirs'] as const)('a conflict is named, and %s wins', (prefer) => {
    const [ours, theirs] = [next(base, '# c\nA=ours\nB=2\nC=3\n'), next(base, '# c\nA=theirs\nB=2\nC=3\n')];
    const { bytes, conflicts } = mergeFiles(base, ours, theirs, prefer, scope);
    expect(conflicts).toEqual(['A']);
    expect(plaintextOf(open(bytes)).toString()).toBe(`# c\nA=${prefer}\nB=2\nC=3\n`);
    expect(open(bytes).header.revision).toBe(3);
  });

  test('the same new line, encrypted on both sides, comes with one of the two ciphertexts', () => {
    const [ours, theirs] = [next(base, '# c\nA=1\nB=2\nC=3\nD=4\n'), next(base, '# c\nA=1\nB=2\nC=3\nD=4\n')];
    const { bytes } = mergeFiles(base, ours, theirs, 'ours', scope);
    expect(linesOf(bytes).slice(1, -1)).toEqual(linesOf(ours.bytes).slice(1, -1));
  });

  test('a file that was made anew on one side has another salt: its lines are encrypted again', () => {
    const theirs = open(encryptEnvFile({ entries: splitEntries(Buffer.from('# c\nA=1\nB=2\nC=3\nD=4\n')), revisionAbove: 1 }, scope));
    const { bytes } = mergeFiles(base, base, theirs, 'ours', scope);
    const merged = open(bytes);
    expect(merged.header.salt).toEqual(base.header.salt);
    expect(plaintextOf(merged).toString()).toBe('# c\nA=1\nB=2\nC=3\nD=4\n');
    expect(linesOf(bytes)).not.toContain(linesOf(theirs.bytes)[5]);
  });

  test('after a rotation on one side every line is under the active key', async () => {
    const to = { ring: await rotated(ring), tenant: 'acme' };
    const theirs = open(encryptEnvFile({ entries: splitEntries(Buffer.from('# c\nA=1\nB=2\nC=9\n')), previous: base }, to), to);
    const ours = next(base, '# c\nA=9\nB=2\nC=3\n');
    const merged = open(mergeFiles(open(base.bytes, to), open(ours.bytes, to), theirs, 'ours', to).bytes, to);
    expect(plaintextOf(merged).toString()).toBe('# c\nA=9\nB=2\nC=9\n');
    expect(merged.header.key).toBe(to.ring.active().id);
    expect(merged.lines.every(({ value }) => value.startsWith(`lfv1.${to.ring.active().id}.`))).toBe(true);
  });

  test.each(['ours', 'theirs'])('%s is older than the base', (which) => {
    const later = next(base, '# c\nA=2\nB=2\nC=3\n');
    const [ours, theirs] = which === 'ours' ? [base, later] : [later, base];
    expect(refusalOf(() => mergeFiles(later, ours, theirs, 'ours', scope))).toEqual({
      code: 'older-revision',
      message: 'a side of the merge has revision 1, its base 2',
      hint: 'an old copy was put back on that side: merge from the right commit, or take one side whole with git checkout',
    });
  });

  test('nothing to merge: the file stays as it is', () => {
    const later = next(base, 'A=2\n');
    for (const [was, side] of [[base, base], [base, later]] as const) expect(mergeFiles(was, side, side, 'ours', scope).bytes).toEqual(side.bytes);
  });

  test('a merge that comes out as one of its sides is a revision of its own: each number means one file', () => {
    const [ours, theirs] = [next(base, '# c\nA=2\nB=2\nC=3\n'), next(base, '# c\nA=2\nB=2\nC=3\n')];
    const merged = open(mergeFiles(base, ours, theirs, 'ours', scope).bytes);
    expect(merged.header.revision).toBe(3);
    expect(merged.lines).toEqual(ours.lines);
  });
});
