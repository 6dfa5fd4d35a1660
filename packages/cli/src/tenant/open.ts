import { randomBytes } from 'node:crypto';
import { existsSync, lchownSync, lstatSync, mkdirSync, renameSync, statSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';

import { LockfastError } from '@lockfast/core/errors';
import { existingTenant, openedText, type Tenant, wasOpened } from '@lockfast/fleet';

import type { Arguments } from '../arguments.ts';
import { printPrepared } from '../prepared-variables.ts';
import type { Session } from '../session.ts';
import { Workspace } from '../workspace.ts';
import { AS_OPENED, editOnDisk, isOurLink, OPENED, removePlain, settle, settleKept, type Settling } from './edits.ts';
import { fleetOf } from './fleet-of.ts';
import { asKeeper } from './keeper.ts';
import { emptyDirectory, memoryOwner, writeInMemory } from './memory.ts';
import { layered, readLayers, type TenantLayer } from './tenant-layers.ts';

interface Opened {
  readonly tenant: Tenant;
  readonly layers: readonly TenantLayer<string | null>[];
  readonly strip: readonly string[];
}

/** Before a service starts: its variables, in the directory in memory that systemd made for it. A failure stops the start. */
export async function run(args: Arguments, session: Session): Promise<number> {
  const [name] = args.operands as [string];
  const into = args.text('into');
  if (into === undefined) throw new LockfastError('usage', 'tenant open: --into is missing', 'let systemd call this, as an installed unit has it');
  const form = args.text('form') ?? 'file';
  const owner = memoryOwner(into);
  const inKeeping = <T>(action: (own: Session) => Promise<T>): Promise<T> => asKeeper(args.text('as'), session, action);
  if (form === 'file') await takeEdits(await inKeeping(async (own) => existingTenant(fleetOf(new Workspace(args, own)), name)), into, args, session);
  const { tenant, layers, strip } = await inKeeping(async (own): Promise<Opened> => {
    const workspace = new Workspace(args, own);
    const one = existingTenant(fleetOf(workspace), name);
    return { tenant: one, layers: await readLayers(one, workspace), strip: await workspace.keyVariables() };
  });
  emptyDirectory(into);
  if (form === 'file') {
    const { plaintext: own, opened } = layers.at(-1)!;
    const text = openedText(layers.length > 1 ? layers[0]!.plaintext : undefined, own, opened.header.revision);
    writeInMemory(join(into, AS_OPENED), text, owner);
    writeInMemory(join(into, OPENED), text, owner);
    link(tenant, join(into, OPENED));
  } else if (form === 'credential') {
    writeCredentials(into, layers);
  } else {
    writeInMemory(join(into, 'variables'), printPrepared({ variables: [...layered(layers)], strip: [...strip, 'LOCKFAST_KEY_SOURCE'], once: form === 'once' }), owner);
  }
  for (const { plaintext } of layers) plaintext.fill(0);
  return 0;
}

/** The whole text, and each variable by itself. */
function writeCredentials(into: string, layers: readonly TenantLayer<string | null>[]): void {
  const owner = memoryOwner(into);
  const ended = (plaintext: Buffer): Buffer => (plaintext.length === 0 || plaintext.at(-1) === 0x0a ? plaintext : Buffer.concat([plaintext, Buffer.from('\n')]));
  writeInMemory(join(into, 'env'), Buffer.concat(layers.map(({ plaintext }) => ended(plaintext))), owner);
  const each = join(into, 'variables');
  if (!existsSync(each)) mkdirSync(each, { mode: 0o700 });
  emptyDirectory(each);
  for (const [name, value] of layered(layers)) {
    // A file of that name there could not be.
    if (name.includes('/') || name.startsWith('.') || value === null) continue;
    writeInMemory(join(each, name), Buffer.from(value, 'utf8'), owner);
  }
}

/** What a power cut, a kill or a stop without keys has left: it is encrypted before the old values are opened again. */
async function takeEdits(tenant: Tenant, into: string, args: Arguments, session: Session): Promise<void> {
  const settling = settlingOf(tenant, args, session);
  await settleKept(into, settling);
  const file = editOnDisk(tenant);
  if (file === undefined) return;
  if (!wasOpened(file.bytes)) {
    throw new LockfastError('exists', `${tenant.plainFile} is a plaintext file that Lockfast did not open`, 'encrypt it with `lockfast env encrypt`, or remove it; then start the service again');
  }
  await settle({ text: file.bytes, base: undefined }, into, settling);
  removePlain(tenant, file);
}

export function settlingOf(tenant: Tenant, args: Arguments, session: Session): Settling {
  let own = session;
  return {
    tenant,
    terminal: session.terminal,
    now: new Date(),
    openWorkspace: () => new Workspace(args, own),
    inKeeping: (action) =>
      asKeeper(args.text('as'), session, (keeper) => {
        own = keeper;
        return action();
      }),
  };
}

/** A link that leads nowhere, after a power cut, is replaced; anything else of that name is somebody's. */
function link({ plainFile, directory }: Tenant, target: string): void {
  if (lstatSync(plainFile, { throwIfNoEntry: false }) !== undefined && !isOurLink(plainFile)) {
    throw new LockfastError('exists', `${plainFile} is there, and is no link that Lockfast made`, 'move it away; then start the service again');
  }
  const { uid, gid } = statSync(directory);
  // Not to be guessed: the service's user could take the name first, and a kill before the rename leaves it behind.
  const temporary = join(directory, `.env.lockfast-${randomBytes(8).toString('hex')}.tmp`);
  symlinkSync(target, temporary);
  if (process.geteuid?.() === 0) lchownSync(temporary, uid, gid);
  renameSync(temporary, plainFile);
}
