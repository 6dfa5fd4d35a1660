import { LockfastError } from '@lockfast/core/errors';
import type { Ledger, LedgerStore, StoredCheckpoint } from '@lockfast/ledger';
import { type Submission, submissionOf, type Witness, withCosignatures } from '@lockfast/ledger/witnesses';

import type { Arguments } from '../arguments.ts';
import { EXIT_STATUS } from '../exit-status.ts';
import type { Session } from '../session.ts';
import { Workspace } from '../workspace.ts';
import { countedEntries } from './rows.ts';
import { configuredLedger } from './store.ts';
import { configuredWitnesses, stateOf } from './witnesses.ts';

export async function run(args: Arguments, session: Session): Promise<number> {
  const { terminal } = session;
  const workspace = new Workspace(args, session);
  configuredLedger(workspace);
  const witnesses = configuredWitnesses(workspace, session);
  if (witnesses.length === 0) throw new LockfastError('config-invalid', 'lockfast.toml names no witness', 'add a [[witnesses]] table to it: see docs/guides/ledger.md');
  const ledger = (await workspace.ledger())!;
  try {
    const checkpoint = args.flag('signed') ? await signedCheckpoint(ledger) : await newestCheckpoint(ledger, workspace, session);
    const submission = await submissionOf(ledger.store, checkpoint);
    const cosignatures: string[] = [];
    const states = await Promise.all(
      witnesses.map((witness) => stateOf(witness, () => pushTo(witness, submission, ledger.store, (line) => cosignatures.push(line)))),
    );
    await keepCosignatures(ledger.store, checkpoint, cosignatures.join(''));
    const failures = states.flatMap(({ error }) => error ?? []);
    const status = Math.max(0, ...failures.map(({ code }) => EXIT_STATUS[code]));
    if (args.flag('json')) terminal.json({ ok: failures.length === 0, size: checkpoint.size, witnesses: states, ...(failures[0] === undefined ? {} : { error: failures[0] }) });
    for (const { witness, size, warning, error } of states) {
      if (error !== undefined) terminal.note(`${error.message.includes(witness) ? '' : `${witness}: `}${error.message}: ${error.hint}`);
      else if (!args.flag('json')) terminal.line(`${witness}: ${terminal.green('has it')}, ${countedEntries(size ?? 0)}`);
      if (warning !== undefined) terminal.warn(`${witness}: ${warning}`);
    }
    return status;
  } finally {
    await ledger.close();
  }
}

/** @throws LockfastError `ledger-rewound`, `witness-failed` */
async function signedCheckpoint({ rewound, store }: Ledger): Promise<StoredCheckpoint> {
  if (rewound !== undefined) throw rewound;
  const newest = await store.newestCheckpoint();
  if (newest === undefined) throw new LockfastError('witness-failed', 'the ledger has signed nothing yet', 'run this without --signed, where the key ring opens');
  return newest;
}

/** Signed now where the key ring opens here. A timer without the root key hands on what was signed last. */
async function newestCheckpoint(ledger: Ledger, workspace: Workspace, { terminal }: Session): Promise<StoredCheckpoint> {
  if (ledger.rewound !== undefined) throw ledger.rewound;
  try {
    return await ledger.checkpoint(await workspace.ring());
  } catch (error) {
    const newest = error instanceof LockfastError && EXIT_STATUS[error.code] === EXIT_STATUS['source-unavailable'] ? await ledger.store.newestCheckpoint() : undefined;
    if (newest === undefined) throw error;
    terminal.warn(`nothing is signed now, since ${(error as LockfastError).message}: the witnesses get what was signed last`);
    return newest;
  }
}

async function pushTo(witness: Witness, submission: Submission, store: LedgerStore, keep: (line: string) => void): Promise<number> {
  const { size, cosignatures } = await witness.submit(submission);
  if (cosignatures !== '') keep(cosignatures);
  const head = await store.head();
  if (size > head.size) {
    throw new LockfastError('ledger-rewound', `${witness.name} has witnessed ${size} entries, and the ledger has ${head.size}`, 'entries were cut off, or an older copy was put back: keep it as it is, and see docs/guides/ledger.md');
  }
  return size;
}

/** So that `ledger verify` needs no witness to be reached. The same checkpoint pushed again adds nothing. */
async function keepCosignatures(store: LedgerStore, checkpoint: StoredCheckpoint, lines: string): Promise<void> {
  const newest = await store.newestCheckpoint();
  const note = newest?.origin === checkpoint.origin && newest.size === checkpoint.size ? newest.note : checkpoint.note;
  const cosigned = withCosignatures(note, lines);
  if (cosigned !== note) await store.addCheckpoint({ ...checkpoint, note: cosigned });
}
