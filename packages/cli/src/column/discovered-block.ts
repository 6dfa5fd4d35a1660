import type { Discovered } from '@lockfast/columns/jobs';

const MOST_ID = 128;

/**
 * A `[[columns]]` for a place that was found, a line each; undefined where none can name it.
 *
 * @param taken ids that are declared; the new one is added
 */
export function columnBlock(database: string, { table, column, path, format, declarable }: Discovered, taken: Set<string>): readonly string[] | undefined {
  if (!declarable) return undefined;
  return ['[[columns]]', `id = ${quoted(idFor([...tableParts(table), column, ...path], taken))}`, `database = ${quoted(database)}`, `table = ${quoted(table)}`, `column = ${quoted(column)}`, ...(path.length === 0 ? [] : [`path = [${path.map(quoted).join(', ')}]`]), ...(format === 'lfv1' ? [] : ['format = "fernet"'])];
}

/** Without the schema that everything is in. */
function tableParts(table: string): string[] {
  return table.split('.').filter((part, at, all) => all.length === 1 || at > 0 || part !== 'public');
}

function idFor(parts: readonly string[], taken: Set<string>): string {
  const words = parts.map((part) => part.replace(/([a-z0-9])([A-Z])/g, '$1_$2').toLowerCase().replace(/[^a-z0-9_]+/g, '_').replace(/^_+|_+$/g, '')).filter((part) => part !== '');
  const name = words.join('.').slice(0, MOST_ID - 4).replace(/^[^a-z]*/, '').replace(/[._]+$/, '') || 'found';
  for (let n = 1; ; n++) {
    const id = n === 1 ? name : `${name}_${n}`;
    if (taken.has(id)) continue;
    taken.add(id);
    return id;
  }
}

/** As TOML's basic strings want it, and on one line. */
function quoted(text: string): string {
  return JSON.stringify(text).replaceAll('\u007f', '\\u007f');
}
