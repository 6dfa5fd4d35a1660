/**
 * The `.env` of the way `file` while its service runs: what all tenants share, then the tenant's own text, byte for byte.
 * Comments tell the two apart, and tell whoever edits it which part is kept.
 */

const TOP = '# lockfast: this file is in memory while the service runs, and gone when it stops';
const SHARED = '# lockfast: shared by all tenants; what is changed here is not kept';
const OWN = "# lockfast: this tenant's own; what is changed below is encrypted when the service stops";

export interface OpenedText {
  /** Undefined where the comment that begins it is gone. */
  readonly shared: Buffer | undefined;
  readonly own: Buffer;
}

/** @param shared undefined where tenants share nothing */
export function openedText(shared: Buffer | undefined, own: Buffer): Buffer {
  const ended = shared === undefined || shared.length === 0 || shared.at(-1) === 0x0a ? '' : '\n';
  return Buffer.concat([Buffer.from(`${TOP}\n${shared === undefined ? '' : `${SHARED}\n`}`), shared ?? Buffer.alloc(0), Buffer.from(`${ended}${OWN}\n`), own]);
}

/** Undefined where the comment before the tenant's own part is gone. */
export function readOpenedText(text: Buffer): OpenedText | undefined {
  const begin = text.indexOf(`${OWN}\n`);
  if (begin === -1 || (begin > 0 && text[begin - 1] !== 0x0a)) return undefined;
  const head = `${TOP}\n${SHARED}\n`;
  const shared = text.indexOf(head) === 0 ? text.subarray(Buffer.byteLength(head), begin) : undefined;
  return { shared, own: text.subarray(begin + Buffer.byteLength(`${OWN}\n`)) };
}
