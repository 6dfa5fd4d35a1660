/** Nearly every name. */
const PLAIN = /^[!-*,-~]+$/;

/** What may stand as a name in a signature: neither a plus nor anything that Unicode calls a space; control characters are in no note at all. */
export function isKeyName(name: string): boolean {
  if (PLAIN.test(name)) return true;
  // Made when it is needed: V8 reads Unicode's tables for a literal already when it parses the file.
  return new RegExp(String.raw`^[^+\p{White_Space}\p{Cc}]+$`, 'u').test(name) && name.isWellFormed();
}
