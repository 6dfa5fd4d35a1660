// The licences of what is bundled into the command: each of them asks to be handed on with the code.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const PACKAGE = /^(?:.*\/)?node_modules\/((?:@[^/]+\/)?[^/]+)\//;

/**
 * @param inputs the paths of the sources, from `base`, as esbuild's metafile has them
 * @returns one text: name, version and licence of each package, then the text of its licence, where it brings one
 */
export function bundledLicences(inputs, base) {
  const directories = new Map();
  for (const input of inputs) {
    const [start, name] = PACKAGE.exec(input) ?? [];
    if (start !== undefined) directories.set(name, join(base, start));
  }
  return [...directories]
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, directory]) => {
      const { version, license } = JSON.parse(readFileSync(join(directory, 'package.json'), 'utf8'));
      const file = readdirSync(directory).find((entry) => /^licen[cs]e/i.test(entry));
      return `${name} ${version}, ${license}\n\n${file === undefined ? '' : readFileSync(join(directory, file), 'utf8').trim()}\n`;
    })
    .join(`\n${'-'.repeat(80)}\n\n`);
}
