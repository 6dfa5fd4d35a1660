/** Documents that nobody finds are not there. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

import { expect, test } from 'vitest';

import { COMMANDS } from '../src/commands.ts';

const ROOT = join(import.meta.dirname, '../../..');
const README = readFileSync(join(ROOT, 'README.md'), 'utf8');

function pages(folder: string): string[] {
  return readdirSync(join(ROOT, folder)).filter((name) => name.endsWith('.md') && name !== 'README.md');
}

test('the README leads to every guide and format, and its list of decisions to every decision', () => {
  const lacking = ['docs/guides', 'docs/formats'].flatMap((folder) => pages(folder).map((name) => `${folder}/${name}`)).filter((path) => !README.includes(`](${path}`));
  expect(lacking).toEqual([]);
  const decisions = readFileSync(join(ROOT, 'docs/decisions/README.md'), 'utf8');
  expect(pages('docs/decisions').filter((name) => !decisions.includes(`](${name})`))).toEqual([]);
});

test('the README\'s table of commands has a row of each family', () => {
  const table = README.slice(README.indexOf('## Commands'), README.indexOf('## Platforms'));
  const nouns = new Set(COMMANDS.map(({ name }) => name.split(' ')[0]!));
  expect([...nouns].filter((noun) => !new RegExp(`^\\| [^|]*\`${noun}\\b`, 'm').test(table))).toEqual([]);
});
