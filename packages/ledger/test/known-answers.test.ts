/** Ledgers of a second implementation: what verified once verifies for ever, and what was refused stays refused. */
import { createSecretKey } from 'node:crypto';
import { readFileSync } from 'node:fs';

import { describe, expect, test } from 'vitest';

import { openBundle } from '../src/bundle.ts';
import { chainHash, chainMac, FIRST_CHAIN, leafHash, nextEpochKey } from '../src/chain.ts';
import { parseCheckpoint, signCheckpoint } from '../src/checkpoint.ts';
import { type LedgerEntry, parseEntry, printEntry } from '../src/entry.ts';
import { consistencyProof, emptyRoot, GrowingTree, inclusionProof, subtreesOver, verifyConsistency, verifyInclusion } from '../src/merkle-tree.ts';
import { cosign, parseVerifierKey, printVerifierKey, privateKeyFrom, publicKeyOf, verifierKey } from '../src/signed-note.ts';
import { type LedgerVerdict, type Trust, verifyLedger } from '../src/verify.ts';
import { refusalOf } from './scratch.ts';

interface Known {
  readonly log: string;
  readonly signer: { readonly seed: string; readonly publicKey: string; readonly verifierKey: string };
  readonly witness: { readonly seed: string; readonly name: string; readonly time: number; readonly verifierKey: string };
  readonly epochKeys: readonly string[];
  readonly entries: readonly { value: LedgerEntry; text: string; leaf: string; chain: string; mac: string; root: string }[];
  readonly emptyRoot: string;
  readonly leaves: readonly string[];
  readonly consistency: readonly { old: number; size: number; oldRoot: string; root: string; proof: readonly string[] }[];
  readonly inclusion: readonly { index: number; size: number; root: string; proof: readonly string[] }[];
  readonly checkpoints: readonly { size: number; origin: string; note: string }[];
  readonly verdicts: readonly ({ name: string; bundle: string } & Partial<LedgerVerdict>)[];
  readonly failures: readonly { name: string; bundle: string; firstBad?: number; epoch?: number; code?: string }[];
}

const known = JSON.parse(readFileSync(new URL('known-answers/ledger.json', import.meta.url), 'utf8')) as Known;
const hex = (text: string): Buffer => Buffer.from(text, 'hex');
const [signer, witness] = [privateKeyFrom(hex(known.signer.seed)), privateKeyFrom(hex(known.witness.seed))];
const leaves = known.leaves.map(hex);

function trust(epoch: number): Trust {
  const epochKey = { epoch, key: createSecretKey(hex(known.epochKeys[0]!)) };
  return { logId: known.log, publicKeys: [hex(known.signer.publicKey)], witnesses: [parseVerifierKey(known.witness.verifierKey)], held: [], epochKey };
}

async function verdictOf(bundle: string, epoch = 0): Promise<LedgerVerdict> {
  const chunks = async function* (): AsyncGenerator<Uint8Array> {
    yield Buffer.from(bundle, 'utf8');
  };
  return await verifyLedger(await openBundle(chunks(), 'a bundle'), trust(epoch));
}

test('entries, leaves, chain, MACs and roots', () => {
  const tree = new GrowingTree();
  expect(tree.root()).toEqual(hex(known.emptyRoot));
  expect(emptyRoot()).toEqual(hex(known.emptyRoot));
  let chain: Buffer = FIRST_CHAIN;
  for (const [i, { value, text, leaf, root, ...hashes }] of known.entries.entries()) {
    const bytes = Buffer.from(text, 'utf8');
    expect(printEntry(value)).toEqual(bytes);
    expect(parseEntry(bytes)).toEqual(value);
    expect(leafHash(bytes)).toEqual(hex(leaf));
    chain = chainHash(known.log, i + 1, chain, hex(leaf));
    expect(chain).toEqual(hex(hashes.chain));
    expect(chainMac(createSecretKey(hex(known.epochKeys[0]!)), chain)).toEqual(hex(hashes.mac));
    tree.add(hex(leaf));
    expect(tree.root()).toEqual(hex(root));
  }
});

test('the keys of the epochs', () => {
  for (const [i, key] of known.epochKeys.slice(0, -1).entries()) expect(nextEpochKey(createSecretKey(hex(key))).export()).toEqual(hex(known.epochKeys[i + 1]!));
});

test('proofs', async () => {
  for (const { old, size, oldRoot, root, proof } of known.consistency) {
    expect(await consistencyProof(subtreesOver(leaves), old, size)).toEqual(proof.map(hex));
    expect(verifyConsistency(old, size, hex(oldRoot), hex(root), proof.map(hex))).toBe(true);
  }
  for (const { index, size, root, proof } of known.inclusion) {
    expect(await inclusionProof(subtreesOver(leaves), index, size)).toEqual(proof.map(hex));
    expect(verifyInclusion(index, size, leaves[index]!, hex(root), proof.map(hex))).toBe(true);
  }
});

test('keys, checkpoints and cosignatures', () => {
  expect(publicKeyOf(signer)).toEqual(hex(known.signer.publicKey));
  expect(printVerifierKey(verifierKey('signature', known.checkpoints[0]!.origin, publicKeyOf(signer)))).toBe(known.signer.verifierKey);
  expect(printVerifierKey(verifierKey('cosignature', known.witness.name, publicKeyOf(witness)))).toBe(known.witness.verifierKey);
  const [cosigned, signed] = known.checkpoints.map(({ note }) => note) as [string, string];
  expect(signCheckpoint(parseCheckpoint(signed), signer)).toBe(signed);
  const own = signCheckpoint(parseCheckpoint(cosigned), signer);
  expect(own + cosign(own, known.witness.name, witness, known.witness.time)).toBe(cosigned);
});

test.each(known.verdicts.map((verdict) => [verdict.name, verdict] as const))('verifies: %s', async (_, { name: __, bundle, ...expected }) => {
  expect(await verdictOf(bundle)).toMatchObject({ ok: true, findings: [], mac: { from: 1 }, ...expected });
});

describe('[B5] is found, with the first bad entry', () => {
  test.each(known.failures.flatMap((failure) => (failure.firstBad === undefined ? [] : [[failure.name, failure] as const])))('%s', async (_, { bundle, firstBad, epoch }) => {
    const verdict = await verdictOf(bundle, epoch);
    expect([verdict.ok, verdict.firstBad?.seq]).toEqual([false, firstBad]);
  });
});

test.each(known.failures.flatMap(({ name, bundle, code }) => (code === undefined ? [] : [[name, code, bundle] as const])))('is refused: %s: %s', async (_, code, bundle) => {
  expect((await refusalOf(verdictOf(bundle))).code).toBe(code);
});
