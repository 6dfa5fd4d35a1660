/**
 * One text for all that differ in case or width alone: `Straße`, `STRASSE` and `ｓｔｒａｓｓｅ` are one.
 *
 * Unicode Normalization Form NFKC (UAX #15), then toLowercase, toUppercase and toLowercase of the Unicode Standard, section
 * 3.13, with the full mappings of SpecialCasing.txt and of no language, then NFKC again. It differs from toNFKC_Casefold, which
 * JavaScript does not have, in that characters that are ignorable stay, and dotless ı is i. Characters that a later Unicode
 * assigns may change their text with a later Node.js; for others it is stable.
 */
export function caseAndWidth(text: string): string {
  // Lower case first, since ẞ is a capital already; capitals then, since ß has none but SS, and ſ and ς have those of s and σ.
  return text.normalize('NFKC').toLowerCase().toUpperCase().toLowerCase().normalize('NFKC');
}
