/** C2SP signed-note, tlog-checkpoint and tlog-cosignature: one text for each note, and nobody's signature counts by itself. */
import { describe, expect, test } from 'vitest';

import { LockfastError } from '@lockfast/core/errors';

import { type Checkpoint, printCheckpoint } from '../src/checkpoint-text.ts';
import { openCheckpoint, parseCheckpoint, signCheckpoint } from '../src/checkpoint.ts';
import { isKeyName } from '../src/key-name.ts';
import { cosign, noteText, parseVerifierKey, printVerifierKey, privateKeyFrom, publicKeyOf, signNote, type VerifierKey, verifierKey, verifyNote } from '../src/signed-note.ts';

const key = privateKeyFrom(Buffer.alloc(32, 1));
const other = privateKeyFrom(Buffer.alloc(32, 2));
const log = verifierKey('signature', 'example.com/log', publicKeyOf(key));
const witness = verifierKey('cosignature', 'witness.example/1', publicKeyOf(other));
const TEXT = 'one line\n\nand, behind an empty one, another: \u00e9 \ud83d\udd11\n';
const note = signNote(TEXT, log.name, key);

function codeOf(action: () => unknown): string {
  try {
    action();
  } catch (error) {
    if (error instanceof LockfastError) return error.code;
    throw error;
  }
  return 'none';
}

test('the note in the documentation of golang.org/x/mod/sumdb/note verifies', () => {
  const text = "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n";
  const signed = `${text}\n\u2014 PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n`;
  const published = parseVerifierKey('PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW');
  expect(verifyNote(signed, [published])).toEqual([{ key: published }]);
  expect(noteText(signed)).toBe(text);
});

test('RFC 8032 section 7.1, test 1: seed and public key', () => {
  const seed = Buffer.from('9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60', 'hex');
  expect(publicKeyOf(privateKeyFrom(seed)).toString('hex')).toBe('d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a');
  expect(seed[0]).toBe(0x9d);
});

test('a text with empty lines is signed whole, and comes back', () => {
  expect(noteText(note)).toBe(TEXT);
  expect(verifyNote(note, [log])).toEqual([{ key: log }]);
  expect(signNote(TEXT, log.name, key)).toBe(note);
});

describe('keys', () => {
  test('verifier keys print and parse', () => {
    for (const each of [log, witness]) expect(parseVerifierKey(printVerifierKey(each))).toEqual(each);
    expect(verifierKey('cosignature', log.name, log.publicKey).id).not.toEqual(log.id);
  });

  const text = printVerifierKey(log);
  const [name, id, encoded] = text.split('+') as [string, string, string];
  test.each([
    ['nothing', ''], ['a name alone', name], ['no key', `${name}+${id}+`], ['an upper-case id', `${name}+${id.toUpperCase()}+${encoded}`], ['a short id', `${name}+${id.slice(1)}+${encoded}`],
    ['a space in the name', `a b+${id}+${encoded}`], ['no name', `+${id}+${encoded}`], ['another name', `example.com/log2+${id}+${encoded}`], ['another id', `${name}+00000000+${encoded}`],
    ['a newline behind it', `${text}\n`], ['one key more', `${text}+${encoded}`], ['a short key', `${name}+${id}+${encoded.slice(4)}`], ['surplus bits', `${name}+${id}+${encoded.slice(0, -1)}=`],
    ['another algorithm', `${name}+${id}+${Buffer.concat([Buffer.of(2), log.publicKey]).toString('base64')}`], ['a kind that is not meant', `${name}+${id}+${Buffer.concat([Buffer.of(4), log.publicKey]).toString('base64')}`],
  ])('refused: %s', (_, bad) => {
    expect(codeOf(() => parseVerifierKey(bad))).toBe('invalid-key');
  });

  test.each(['', 'a b', 'a+b', 'a\u00a0b', 'a\u2003b', 'a\nb', 'a\tb', 'a\0b', '\ud800'])('no name: %j', (bad) => {
    expect(isKeyName(bad)).toBe(false);
    expect(codeOf(() => signNote(TEXT, bad, key))).toBe('invalid-name');
    expect(codeOf(() => cosign(note, bad, key, 1))).toBe('invalid-name');
  });
});

describe('signatures', () => {
  const twice = note + signNote(TEXT, 'example.com/second', other).slice(TEXT.length + 1);

  test('of unknown keys are ignored, whatever they say', () => {
    const second = verifierKey('signature', 'example.com/second', publicKeyOf(other));
    expect(verifyNote(twice, [second])).toEqual([{ key: second }]);
    expect(verifyNote(twice, [log, second])).toHaveLength(2);
    expect(verifyNote(twice, [])).toEqual([]);
    // Name or id of a known key, not both; and bytes that are no Ed25519 at all.
    expect(verifyNote(note, [{ ...log, name: 'another' }])).toEqual([]);
    expect(verifyNote(note, [{ ...log, id: Buffer.alloc(4) }])).toEqual([]);
    expect(verifyNote(`${note}\u2014 pq.example ${Buffer.alloc(4_631, 7).toString('base64')}\n`, [log])).toHaveLength(1);
  });

  test('of a known key must be right, wherever they stand', () => {
    const forged = (bytes: Buffer, by: VerifierKey): string => `\u2014 ${by.name} ${Buffer.concat([by.id, bytes]).toString('base64')}\n`;
    for (const bytes of [Buffer.alloc(64), Buffer.alloc(63), Buffer.alloc(65), Buffer.alloc(72), Buffer.alloc(1)]) {
      for (const by of [log, witness]) {
        expect(codeOf(() => verifyNote(note + forged(bytes, by), [log, witness]))).toBe('ledger-tampered');
        expect(codeOf(() => verifyNote(`${TEXT}\n${forged(bytes, by)}${note.slice(TEXT.length + 1)}`, [log, witness]))).toBe('ledger-tampered');
      }
    }
  });

  test('sixteen of them, and no more than 64 or 64 KiB', () => {
    const line = note.slice(TEXT.length + 1);
    expect(verifyNote(`${TEXT}\n${line.repeat(16)}`, [log])).toHaveLength(16);
    expect(verifyNote(`${TEXT}\n${line.repeat(64)}`, [log])).toHaveLength(64);
    expect(codeOf(() => verifyNote(`${TEXT}\n${line.repeat(65)}`, [log]))).toBe('malformed');
    expect(codeOf(() => verifyNote(`${'x'.repeat(65_536)}\n\n${line}`, [log]))).toBe('malformed');
  });

  test('every changed byte of a note with one signature is found', () => {
    const bytes = Buffer.from(note, 'utf8');
    for (let at = 0; at < bytes.length; at++) {
      for (const bits of [0x01, 0x20, 0x80]) {
        const changed = Buffer.from(bytes);
        changed[at]! ^= bits;
        let signed = false;
        try {
          signed = verifyNote(changed.toString('utf8'), [log]).length > 0;
        } catch (error) {
          if (!(error instanceof LockfastError)) throw error;
        }
        expect(signed).toBe(false);
      }
    }
  });

  const line = note.slice(TEXT.length + 1);
  test.each([
    ['nothing', ''], ['a newline', '\n'], ['two newlines', '\n\n'], ['no signature', `${TEXT}\n`], ['no text', `\n${line}`], ['no empty line', TEXT + line], ['no newline at the end', note.slice(0, -1)],
    ['a carriage return', note.replace('\n', '\r\n')], ['a NUL', note.replace('one', 'o\0e')], ['a tab', note.replace('one ', 'one\t')], ['a dash that is another', note.replace('\u2014', '-')],
    ['two spaces', note.replace('\u2014 ', '\u2014  ')], ['a space behind it', `${note.slice(0, -1)} \n`], ['no name', `${TEXT}\n\u2014 AAAAAAAA\n`], ['an id and nothing behind it', `${TEXT}\n\u2014 x AAAAAA==\n`],
    ['base64 without its padding', `${TEXT}\n\u2014 x AAAAAAA\n`], ['base64 with surplus bits', `${TEXT}\n\u2014 x AAAAAAB=\n`], ['the other alphabet', `${TEXT}\n\u2014 x AAAA-A_A\n`], ['half a surrogate pair', note.replace('one', '\ud800')],
    ['a plus in a name', `${TEXT}\n\u2014 a+b AAAAAAAA\n`], ['an empty line among the signatures', `${note}\n`], ['a text line among them', `${note}text\n`],
  ])('no note: %s', (_, bad) => {
    expect(codeOf(() => verifyNote(bad, [log]))).toBe('malformed');
    expect(codeOf(() => cosign(bad, 'w', other, 1))).toBe('malformed');
  });
});

describe('cosignatures', () => {
  const cosigned = note + cosign(note, witness.name, other, 1_679_315_147);

  test('carry their time, and stand beside the signature', () => {
    expect(verifyNote(cosigned, [log, witness])).toEqual([{ key: log }, { key: witness, time: 1_679_315_147 }]);
  });

  test('of the same key at another time, on another note, or as a plain signature, are none', () => {
    const [head, encoded] = /^(.*) (\S+)\n$/su.exec(cosigned)!.slice(1) as [string, string];
    const bytes = Buffer.from(encoded, 'base64');
    bytes.writeBigUInt64BE(1_679_315_148n, 4);
    expect(codeOf(() => verifyNote(`${head} ${bytes.toString('base64')}\n`, [witness]))).toBe('ledger-tampered');
    bytes.writeBigUInt64BE(2n ** 63n, 4);
    expect(codeOf(() => verifyNote(`${head} ${bytes.toString('base64')}\n`, [witness]))).toBe('ledger-tampered');
    expect(codeOf(() => verifyNote(signNote('x\n', log.name, key) + cosigned.slice(note.length), [witness]))).toBe('ledger-tampered');
    // The log's key under the type of a witness is another key.
    expect(verifyNote(note, [verifierKey('cosignature', log.name, publicKeyOf(key))])).toEqual([]);
  });
});

describe('checkpoints', () => {
  const checkpoint: Checkpoint = { origin: 'example.com/log', size: 20_852_163, root: Buffer.alloc(32, 0xab) };
  const signed = signCheckpoint(checkpoint, key);
  const publicKey = publicKeyOf(key);

  test('the text of tlog-checkpoint: origin, size, root', () => {
    expect(printCheckpoint(checkpoint)).toBe(`example.com/log\n20852163\n${Buffer.alloc(32, 0xab).toString('base64')}\n`);
    expect(parseCheckpoint(signed)).toEqual(checkpoint);
    expect(openCheckpoint(signed, [publicKeyOf(other), publicKey], [])).toEqual({ ...checkpoint, signatures: [{ key: log }] });
    const empty = { ...checkpoint, size: 0 };
    expect(parseCheckpoint(signCheckpoint(empty, key))).toEqual(empty);
  });

  test('signed by nobody known, by a witness alone, or under another name: not opened', () => {
    const line = signed.indexOf('\u2014');
    expect(codeOf(() => openCheckpoint(signed, [publicKeyOf(other)], []))).toBe('ledger-tampered');
    expect(codeOf(() => openCheckpoint(signed, [], []))).toBe('ledger-tampered');
    expect(codeOf(() => openCheckpoint(signed.slice(0, line) + cosign(signed, witness.name, other, 1), [publicKey], [witness]))).toBe('ledger-tampered');
    expect(codeOf(() => openCheckpoint(signNote(printCheckpoint(checkpoint), 'example.com/another', key), [publicKey], []))).toBe('ledger-tampered');
  });

  const [origin, root] = [checkpoint.origin, checkpoint.root.toString('base64')];
  test.each([
    ['a leading zero', `${origin}\n01\n${root}\n`], ['a sign', `${origin}\n+1\n${root}\n`], ['minus zero', `${origin}\n-0\n${root}\n`], ['a fraction', `${origin}\n1.0\n${root}\n`], ['an exponent', `${origin}\n1e3\n${root}\n`],
    ['hexadecimal', `${origin}\n0x10\n${root}\n`], ['no size', `${origin}\n\n${root}\n`], ['a space', `${origin}\n 1\n${root}\n`], ['above the safe integers', `${origin}\n9007199254740992\n${root}\n`], ['other digits', `${origin}\n\u0661\n${root}\n`],
    ['no origin', `\n1\n${root}\n`], ['a space in the origin', `a b\n1\n${root}\n`], ['a plus in the origin', `a+b\n1\n${root}\n`], ['a short root', `${origin}\n1\n${Buffer.alloc(31).toString('base64')}\n`],
    ['a long root', `${origin}\n1\n${Buffer.alloc(33).toString('base64')}\n`], ['a root with surplus bits', `${origin}\n1\n${root.slice(0, -2)}t=\n`], ['a root without padding', `${origin}\n1\n${root.slice(0, -1)}\n`],
    ['an extension line', `${origin}\n1\n${root}\nmore\n`], ['an empty line behind it', `${origin}\n1\n${root}\n\n`], ['two lines', `${origin}\n1\n`],
  ])('refused, though signed: %s', (_, text) => {
    expect(codeOf(() => openCheckpoint(signNote(text, log.name, key), [publicKey], []))).toBe('malformed');
  });
});
