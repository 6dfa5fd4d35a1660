import { expect, test } from 'vitest';

import { shownWidth } from '../src/shown-width.ts';

test('a line is as wide as a terminal shows it: scripts of East Asia and emoji take two cells, marks none', () => {
  const widths = { '': 0, 'kq2d5x (draining)': 17, 'Zoë': 3, 'Zoe\u0308': 3, '日本語': 6, 'カタカナ': 8, '한국': 4, 'ＡＢ': 4, '☃': 1, '🔑': 2, 'привет': 6, '→ … ·': 5 };
  expect(Object.fromEntries(Object.keys(widths).map((text) => [text, shownWidth(text)]))).toEqual(widths);
});
