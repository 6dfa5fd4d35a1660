/**
 * The name under which checkpoints of a ledger are signed: `lockfast.ledger/<log id>`, and with `/2`, `/3` behind it
 * after a restore was accepted, because witnesses never go back.
 */
export function originOf(logId: string, number: number): string {
  return number === 1 ? `lockfast.ledger/${logId}` : `lockfast.ledger/${logId}/${number}`;
}

/** @returns 0 for the origin of another ledger */
export function originNumber(origin: string, logId: string): number {
  const first = originOf(logId, 1);
  if (origin === first) return 1;
  const rest = origin.startsWith(`${first}/`) ? origin.slice(first.length + 1) : '';
  return /^[1-9][0-9]{0,8}$/.test(rest) && rest !== '1' ? Number(rest) : 0;
}
