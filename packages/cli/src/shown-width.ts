/** Of East Asian scripts and emoji: two cells of a terminal each (Unicode Standard Annex 11, Wide and Fullwidth). */
const WIDE = /\p{Emoji_Presentation}|[\u1100-\u115f\u2e80-\u303e\u3041-\u33ff\u3400-\u4dbf\u4e00-\u9fff\ua000-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff01-\uff60\uffe0-\uffe6]|[\u{20000}-\u{3fffd}]/u;

/** Marks that stand on the character before them, and what joins or selects: no cell. */
const NONE = /\p{Mn}|\p{Me}|\p{Cf}/u;

/** How many cells of a terminal a line takes. */
export function shownWidth(text: string): number {
  // Nearly all of it: names, ids, numbers.
  if (/^[ -~]*$/.test(text)) return text.length;
  let width = 0;
  for (const character of text) width += WIDE.test(character) ? 2 : NONE.test(character) ? 0 : 1;
  return width;
}
