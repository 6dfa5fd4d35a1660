/** What must hold after every fault: asked with the library and with code of its own, never with the command under test. */
import { createHash } from 'node:crypto';
import { copyFileSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';

import { plaintextOf, readEnvFile } from '@lockfast/core/env';
import type { KeyRing } from '@lockfast/core/keyring';
import { type KeptManifest, readRotations, type RotationRecord } from '@lockfast/core/rotation';
import { expect } from 'vitest';

import { CANARY, everyFile, type Fleet, type FleetFile, FILES } from './rotation-fleet.ts';

export interface LedgerState {
  readonly entries: readonly { readonly kind: string; readonly operation: string; readonly intent?: number; readonly outcome?: string }[];
  /** Numbers of the intents without an outcome. */
  readonly open: readonly number[];
}

/** What must hold at any moment, a killed process's last one too. @param files those that must decrypt */
export async function expectWhole(fleet: Fleet, name: string, files: readonly FleetFile[] = FILES): Promise<void> {
  const ring = await fleet.ring();
  for (const file of files) expect(plaintextIn(fleet, ring, file), `${name}: ${file.name}`).toBe(file.plaintext);
  expectBackupsWhole(fleet, ring, name, files);
  expectNothingBare(fleet, name);
  expect(openRecords(fleet).length, name).toBeLessThanOrEqual(1);
  verifyChain(fleet, name);
}

/** What must hold when the next run has finished, besides. */
export async function expectFinished(fleet: Fleet, name: string, files: readonly FleetFile[] = FILES): Promise<void> {
  await expectWhole(fleet, name, files);
  const ring = await fleet.ring();
  const active = ring.active().id;
  for (const { name: file, tenant } of files) expect(readEnvFile(fleet.project.path(file), { ring, tenant }).header.key, `${name}: ${file}`).toBe(active);
  expect(openRecords(fleet), name).toEqual([]);
  // Finished, and not begun anew: one key for each rotation.
  const completed = records(fleet).filter(({ status }) => status === 'completed');
  expect(ring.keys, name).toHaveLength(1 + completed.length);
  expect(new Set(completed.map(({ newKey }) => newKey!.id)).size, name).toBe(completed.length);
  expect(temporaryFiles(fleet), name).toEqual([]);
  expect(verifyChain(fleet, name).open, name).toEqual([]);
}

export function records({ project }: Fleet): RotationRecord[] {
  return readRotations(project.path('.lockfast/rotations'));
}

export function openRecords(fleet: Fleet): RotationRecord[] {
  return records(fleet).filter(({ status }) => status === 'initiated' || status === 'in-progress');
}

export function temporaryFiles({ project: { base } }: Fleet): string[] {
  return readdirSync(base, { recursive: true, encoding: 'utf8' }).filter((path) => path.endsWith('.tmp'));
}

function plaintextIn({ project }: Fleet, ring: KeyRing, { name, tenant }: FleetFile): string {
  return plaintextOf(readEnvFile(project.path(name), { ring, tenant })).toString();
}

/** Each copy that a manifest names and that is there decrypts to what its file holds; and no file is replaced that has none. */
function expectBackupsWhole(fleet: Fleet, ring: KeyRing, name: string, files: readonly FleetFile[]): void {
  const directory = /^directory = "(.*)"$/m.exec(fleet.project.text('lockfast.toml'))?.[1] ?? fleet.project.path('.lockfast/backups');
  const keys = new Map(files.map((file) => [fleet.project.path(file.name), readEnvFile(fleet.project.path(file.name), { ring, tenant: file.tenant }).header.key]));
  for (const { id, newKey, backup } of records(fleet)) {
    const replaced = [...keys].flatMap(([path, key]) => (backup && key === newKey?.id ? [path] : []));
    if (replaced.length === 0) continue;
    const manifest = JSON.parse(readFileSync(join(directory, id, 'manifest.json'), 'utf8')) as KeptManifest;
    const kept = manifest.files.flatMap(({ path, backup: copy }) => (existsSync(join(directory, id, copy)) ? [path] : []));
    expect(kept, `${name}: backup of ${id}`).toEqual(expect.arrayContaining(replaced.filter((path) => manifest.files.some((file) => file.path === path) || !isElsewhere(manifest, fleet))));
  }
  if (!existsSync(directory)) return;
  for (const rotation of readdirSync(directory)) {
    const place = join(directory, rotation);
    if (!existsSync(join(place, 'manifest.json'))) {
      // Killed before it was written: then nothing is kept yet.
      expect(existsSync(join(place, 'files')) ? readdirSync(join(place, 'files')) : [], name).toEqual([]);
      continue;
    }
    const manifest = JSON.parse(readFileSync(join(place, 'manifest.json'), 'utf8')) as KeptManifest;
    for (const { path, backup } of manifest.files) {
      const copy = join(place, backup);
      const file = files.find((one) => fleet.project.path(one.name) === path);
      if (!existsSync(copy) || file === undefined) continue;
      const { header, ...opened } = readEnvFile(copy, { ring, tenant: file.tenant });
      expect(plaintextOf({ header, ...opened }).toString(), `${name}: ${copy}`).toBe(file.plaintext);
      expect(header.key, `${name}: ${copy}`).not.toBe(manifest.toKey);
    }
  }
}

/** A manifest that was brought here from another host names the files there. */
function isElsewhere({ files }: KeptManifest, { project }: Fleet): boolean {
  return files.every(({ path }) => !path.startsWith(project.base));
}

/** No plaintext anywhere, no root key but where it belongs. */
function expectNothingBare({ project, newRoot }: Fleet, name: string): void {
  for (const [path, bytes] of everyFile(project.base)) {
    expect(bytes.includes(CANARY), `${name}: plaintext in ${path}`).toBe(false);
    // A killed run's own temporary file beside the new root key is swept by the next; that one is checked by its name.
    const maybeRoot = path.includes('/.config/lockfast/') || path.startsWith(newRoot) || path.endsWith('/keys/second.key') || (path.startsWith(join(newRoot, '..')) && basename(path).startsWith('.root.key.lockfast-'));
    if (!maybeRoot) expect(bytes.includes('lockfast-root-1.'), `${name}: root key in ${path}`).toBe(false);
  }
}

/** Recomputes chain, tree and signed roots from a copy of the database, as docs/formats/ledger.md says. */
export function verifyChain({ project }: Fleet, name: string): LedgerState {
  const scratch = mkdtempSync(join(tmpdir(), 'lockfast-ledger-'));
  try {
    for (const end of ['', '-wal']) if (existsSync(project.path(`.lockfast/ledger.db${end}`))) copyFileSync(project.path(`.lockfast/ledger.db${end}`), join(scratch, `db${end}`));
    const database = new DatabaseSync(join(scratch, 'db'));
    try {
      expect(database.prepare('PRAGMA integrity_check').get(), name).toEqual({ integrity_check: 'ok' });
      const logId = String(database.prepare('SELECT log_id FROM ledger').get()!['log_id']);
      const rows = database.prepare('SELECT seq, entry, chain FROM entries ORDER BY seq').all();
      const leaves: Buffer[] = [];
      let chain: Buffer = Buffer.alloc(32);
      const entries = rows.map((row, i) => {
        const bytes = Buffer.from(row['entry'] as Uint8Array);
        expect(row['seq'], name).toBe(i + 1);
        const leaf = hash(Buffer.of(0), bytes);
        const seq = Buffer.alloc(8);
        seq.writeBigUInt64BE(BigInt(i + 1));
        chain = hash(Buffer.of(2), Buffer.from(logId, 'ascii'), seq, chain, leaf);
        expect(chain.equals(Buffer.from(row['chain'] as Uint8Array)), `${name}: entry ${i + 1}`).toBe(true);
        leaves.push(leaf);
        return JSON.parse(bytes.toString()) as LedgerState['entries'][number];
      });
      for (const { note } of database.prepare('SELECT note FROM checkpoints').all() as { note: string }[]) {
        const [, size, root] = note.split('\n');
        expect(treeRoot(leaves.slice(0, Number(size))).toString('base64'), `${name}: checkpoint of ${size}`).toBe(root);
      }
      const ended = new Set(entries.map(({ intent }) => intent));
      return { entries, open: entries.flatMap(({ kind }, i) => (kind === 'intent' && !ended.has(i + 1) ? [i + 1] : [])) };
    } finally {
      database.close();
    }
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

/** RFC 6962 section 2.1. */
function treeRoot(leaves: readonly Buffer[]): Buffer {
  if (leaves.length === 0) return hash();
  if (leaves.length === 1) return leaves[0]!;
  let left = 1;
  while (left * 2 < leaves.length) left *= 2;
  return hash(Buffer.of(1), treeRoot(leaves.slice(0, left)), treeRoot(leaves.slice(left)));
}

function hash(...parts: readonly Uint8Array[]): Buffer {
  const state = createHash('sha256');
  for (const part of parts) state.update(part);
  return state.digest();
}
