import { checkpointSize, originLine, type Witness } from '@lockfast/ledger/witnesses';

import type { Arguments } from '../arguments.ts';
import type { Session } from '../session.ts';
import { Workspace } from '../workspace.ts';
import { openStore } from './store.ts';
import { configuredWitnesses, stateOf } from './witnesses.ts';

export async function run(args: Arguments, session: Session): Promise<number> {
  const { terminal } = session;
  const workspace = new Workspace(args, session);
  const store = await openStore(workspace);
  try {
    const newest = await store.newestCheckpoint();
    const signer = await store.signer();
    const origin = newest?.origin;
    const states = await Promise.all(
      configuredWitnesses(workspace, session).map((witness) => stateOf(witness, () => heldSize(witness, origin))),
    );
    const line = origin === undefined || signer === undefined ? undefined : originLine(origin, signer.publicKey);
    if (args.flag('json')) {
      terminal.json({ origin: origin ?? null, key: line?.split(' ')[1] ?? null, size: (await store.head()).size, signed: newest?.size ?? 0, witnesses: states });
      return 0;
    }
    terminal.table(['WITNESS', 'ENTRIES', 'STATE'], states.map(({ witness, size, warning, error }) => [witness, size === undefined ? '-' : String(size), error?.message ?? warning ?? '']));
    terminal.line();
    terminal.line(line === undefined ? 'this ledger has signed nothing yet: `lockfast ledger witness push` does' : `for the origins file of a witness over HTTP:\n${line}`);
    return 0;
  } finally {
    await store.close();
  }
}

/** Undefined where it has none of this ledger, or can't tell. */
async function heldSize(witness: Witness, origin: string | undefined): Promise<number | undefined> {
  const note = origin === undefined ? undefined : await witness.newest(origin);
  return note === undefined ? undefined : checkpointSize(note, witness.name);
}
