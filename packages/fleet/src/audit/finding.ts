/** Something that an audit found, and how it is put right. */
import { LockfastError } from '@lockfast/core/errors';

import { setMode, setOwner } from '../without-links.ts';

/**
 * `mode` `owner` who may; `plaintext` a secret that is not encrypted; `not-encrypted` no encrypted file; `damaged`
 * `foreign` an encrypted file that is not whole, or not of this tenant; `link` where a file must be; `variable` a required
 * one that is missing; `unit` a unit that leaks; `backup`; `unreadable` what could not be looked at.
 */
export type FindingKind = 'mode' | 'owner' | 'plaintext' | 'not-encrypted' | 'damaged' | 'foreign' | 'link' | 'variable' | 'unit' | 'backup' | 'unreadable';

/** What puts it right, and can't do harm. */
export type Repair =
  | { readonly kind: 'mode'; readonly below: string; readonly from: number; readonly to: number }
  | { readonly kind: 'owner'; readonly below: string; readonly from: number; readonly uid: number; readonly gid: number }
  /** The plaintext of which the encrypted file may hold all: then it is removed. */
  | { readonly kind: 'plaintext' };

export interface Finding {
  /** undefined for what is nobody's, or everybody's. */
  readonly tenant: string | undefined;
  readonly path: string;
  readonly kind: FindingKind;
  /** Holds no value of a variable. */
  readonly detail: string;
  readonly hint: string;
  /** undefined where a person has to decide. */
  readonly repair: Repair | undefined;
}

/** Repairs of modes and owners. @throws LockfastError as `setMode` and `setOwner` */
export function repairAccess(path: string, repair: Exclude<Repair, { readonly kind: 'plaintext' }>): void {
  if (repair.kind === 'mode') setMode({ path, below: repair.below, mode: repair.to });
  else if (process.geteuid?.() !== 0) {
    throw new LockfastError('permission-denied', `${path} was not given to its owner: only root can`, 'run it as root');
  } else setOwner({ path, below: repair.below, uid: repair.uid, gid: repair.gid });
}

/** `0640`, as chmod takes it. */
export function octal(mode: number): string {
  return `0${mode.toString(8).padStart(3, '0')}`;
}
