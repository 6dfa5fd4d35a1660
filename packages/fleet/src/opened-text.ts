/**
 * The `.env` of the way `file` while its service runs: what all tenants share, then the tenant's own text, byte for byte.
 * Comments tell the two apart, and tell whoever edits it which part is kept.
 */

const TOP = '# lockfast: this file is in memory while the service runs, and gone when it stops';
const SHARED = '# lockfast: shared by all tenants; what is changed here is not kept';
const OWN = "# lockfast: this tenant's own; what is changed below is encrypted when the service stops";
/** The comment with the revision that was opened, which tells after a power cut whether the encrypted file has changed since. */
const OWN_LINE = new RegExp(String.raw`^${OWN}(?: \(revision ([0-9]{1,15})\))?\n`, 'm');

export interface OpenedText {
  /** Undefined where the comment that begins it is gone. */
  readonly shared: Buffer | undefined;
  readonly own: Buffer;
  /** Of the encrypted file that it was opened from; undefined where the comment does not say it any more. */
  readonly revision: number | undefined;
}

/** @param shared undefined where tenants share nothing @param revision of the tenant's own file */
export function openedText(shared: Buffer | undefined, own: Buffer, revision: number): Buffer {
  const ended = shared === undefined || shared.length === 0 || shared.at(-1) === 0x0a ? '' : '\n';
  return Buffer.concat([Buffer.from(`${TOP}\n${shared === undefined ? '' : `${SHARED}\n`}`), shared ?? Buffer.alloc(0), Buffer.from(`${ended}${OWN} (revision ${revision})\n`), own]);
}

/** Undefined where the comment before the tenant's own part is gone. */
export function readOpenedText(text: Buffer): OpenedText | undefined {
  // Latin-1: each character is a byte, so that places in both are the same.
  const comment = OWN_LINE.exec(text.toString('latin1'));
  if (comment === null) return undefined;
  const head = `${TOP}\n${SHARED}\n`;
  const shared = text.indexOf(head) === 0 ? text.subarray(Buffer.byteLength(head), comment.index) : undefined;
  return { shared, own: text.subarray(comment.index + comment[0].length), revision: comment[1] === undefined ? undefined : Number(comment[1]) };
}

/** Whether it has any of the comments: whoever edits it may take some away. */
export function wasOpened(text: Buffer): boolean {
  return [TOP, SHARED, OWN].some((comment) => text.includes(comment));
}
