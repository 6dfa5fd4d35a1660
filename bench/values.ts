/** Single values: a text becomes a text and comes back. */
import { type Context, Fernet, generateFernetKey, type ValueCipher } from '@lockfast/core/formats';
import type { KeyRing } from '@lockfast/core/keyring';

import { BareGcm } from './bare-gcm.ts';
import { interleave, type Step, timed } from './interleave.ts';
import { npmPeers, type Peer } from './npm-peers.ts';
import { hasPythonCryptography, PYTHON_CONTENDERS, timePython } from './python-peer.ts';
import { newRing } from './ring.ts';
import { type Aim, type Contender, LOCKFAST, type Row, rowOf } from './table.ts';

const SIZES = [32, 256, 1024, 4096];
/** In one round of a job, and in one batch. */
const VALUES = 1000;
const UNRECORDED = 4;
const COLUMN = 'tenants.api_key';

const PEERS = ['cloak', 'npm fernet', ...PYTHON_CONTENDERS] as const;

interface Kind {
  readonly name: string;
  readonly direction: 'encrypt' | 'decrypt';
  readonly contenders: readonly Contender[];
  readonly aims: readonly Aim[];
}

const KINDS: readonly Kind[] = [
  { name: 'encrypt', direction: 'encrypt', ...lfv1Against(0.75) },
  { name: 'encrypt, batch', direction: 'encrypt', ...lfv1Against(0.9) },
  { name: 'decrypt, together', direction: 'decrypt', ...lfv1Against(0.7) },
  { name: 'decrypt, together, batch', direction: 'decrypt', ...lfv1Against(0.7) },
  { name: 'decrypt, unrelated', direction: 'decrypt', ...lfv1Against(0.42) },
  { name: 'Fernet encrypt', direction: 'encrypt', ...fernetAgainst() },
  { name: 'Fernet decrypt', direction: 'decrypt', ...fernetAgainst() },
];

export async function values(rounds: number): Promise<Row[]> {
  const ring = await newRing();
  const fernetKey = generateFernetKey();
  const peers = await npmPeers(fernetKey);
  const rows: Row[][] = [];
  for (const size of SIZES) {
    process.stderr.write(`bench: values of ${size} bytes\n`);
    const samples = await interleave(steps(size, ring, fernetKey, peers), rounds, UNRECORDED);
    rows.push(KINDS.map(({ name, contenders, aims }) => rowOf({ name: jobName(name, size), unit: 'µs', contenders, aims }, samples)));
  }
  return rows[0]!.flatMap((_, kind) => rows.map((ofSize) => ofSize[kind]!));
}

function steps(size: number, ring: KeyRing, fernetKey: string, peers: readonly Peer[]): Step[] {
  const texts = Array.from({ length: VALUES }, (_, i) => `${i} `.padEnd(size, 'x'));
  const contexts: Context[] = texts.map((_, i) => ({ tenant: 'acme', place: [COLUMN, i] }));
  const places = texts.map((_, i) => `acme\0${COLUMN}\0${i}`);
  const ours = lockfastCalls(ring, new Fernet(fernetKey), texts, contexts);
  const bare = new BareGcm();
  const tokens = texts.map((text) => bare.encrypt(text));
  const bound = texts.map((text, i) => bare.encrypt(text, places[i]));
  const theirTokens = peers.map((peer) => texts.map((text) => peer.encrypt(text)));

  const all: Step[] = [];
  for (const { name, direction, contenders } of KINDS) {
    const job = jobName(name, size);
    const add = (who: string, count: number, call: (i: number) => unknown): void => {
      all.push((record) => record(job, who, timed(count, call)));
    };
    const our = ours[name]!;
    if (our.batch) all.push((record) => record(job, LOCKFAST, timed(1, our.call) / VALUES));
    else add(LOCKFAST, VALUES, our.call);
    if (contenders.includes('bare')) {
      add('bare', VALUES, direction === 'encrypt' ? (i) => bare.encrypt(texts[i]!) : (i) => bare.decrypt(tokens[i]!));
      add('bare + AAD', VALUES, direction === 'encrypt' ? (i) => bare.encrypt(texts[i]!, places[i]) : (i) => bare.decrypt(bound[i]!, places[i]));
    }
    peers.forEach((peer, p) => {
      if (contenders.includes(peer.name)) add(peer.name, peer.values, direction === 'encrypt' ? (i) => peer.encrypt(texts[i]!) : (i) => peer.decrypt(theirTokens[p]![i]!));
    });
  }
  if (hasPythonCryptography()) all.push(pythonStep(size));
  return all;
}

function lockfastCalls(ring: KeyRing, fernet: Fernet, texts: readonly string[], contexts: readonly Context[]): Record<string, { batch: boolean; call: (i: number) => unknown }> {
  const newCipher = (): ValueCipher => ring.cipher({ purpose: 'column' });
  const cipher = newCipher();
  const together = newCipher().encryptBatch(texts, contexts);
  // A writer each, so a nonce prefix each: far more than the reader keeps.
  const unrelated = texts.map((text, i) => newCipher().encrypt(text, contexts[i]!));
  const tokens = texts.map((text) => fernet.encrypt(text));
  return {
    encrypt: { batch: false, call: (i) => cipher.encrypt(texts[i]!, contexts[i]!) },
    'encrypt, batch': { batch: true, call: () => cipher.encryptBatch(texts, contexts) },
    'decrypt, together': { batch: false, call: (i) => cipher.decrypt(together[i]!, contexts[i]!) },
    'decrypt, together, batch': { batch: true, call: () => cipher.decryptBatch(together, contexts) },
    'decrypt, unrelated': { batch: false, call: (i) => cipher.decrypt(unrelated[i]!, contexts[i]!) },
    'Fernet encrypt': { batch: false, call: (i) => fernet.encrypt(texts[i]!) },
    'Fernet decrypt': { batch: false, call: (i) => fernet.decrypt(tokens[i]!).toString('utf8') },
  };
}

function pythonStep(size: number): Step {
  return (record) => {
    const times = timePython(size, VALUES, `acme\0${COLUMN}\0value`);
    for (const { name, direction, contenders } of KINDS) {
      for (const who of PYTHON_CONTENDERS) if (contenders.includes(who)) record(jobName(name, size), who, times[who][direction]);
    }
  };
}

function lfv1Against(bare: number): Pick<Kind, 'contenders' | 'aims'> {
  return {
    contenders: ['bare', 'bare + AAD', ...PEERS],
    aims: [{ against: 'bare', atLeast: bare }, ...PEERS.map((against) => ({ against, atLeast: 3 }))],
  };
}

function fernetAgainst(): Pick<Kind, 'contenders' | 'aims'> {
  return { contenders: ['npm fernet', 'Python Fernet'], aims: [{ against: 'npm fernet', atLeast: 3 }, { against: 'Python Fernet', atLeast: 2 }] };
}

function jobName(kind: string, size: number): string {
  return `${kind}, ${size} bytes`;
}
