/** What a person sees of a value: enough to tell two apart, and no more. */
import { MASK } from './masked-stream.ts';
import { SensitiveNames } from './sensitive-names.ts';

/** So many characters at either end. */
const SHOWN = 4;
/** Of less, the two ends are too much. */
const LEAST_CHARACTERS = 16;

/** `ends`: `my-s...2345`, and `***` for a short one. `none`: always `***`, from which not even a length can be told. */
export type Shown = 'ends' | 'none';

/** As it is where the name is not sensitive. */
export function maskValue(name: string, value: string, shown: Shown = 'ends', names: SensitiveNames = new SensitiveNames()): string {
  return names.has(name) ? maskedText(value, shown) : value;
}

/** Each variable of an environment, as {@link maskValue}; what has no value stays so. */
export function maskEnv<T extends string | null | undefined>(env: Readonly<Record<string, T>>, shown: Shown = 'ends', names: SensitiveNames = new SensitiveNames()): Record<string, T | string> {
  return Object.fromEntries(Object.entries(env).map(([name, value]) => [name, typeof value === 'string' ? maskValue(name, value, shown, names) : value]));
}

function maskedText(value: string, shown: Shown): string {
  if (value === '') return '';
  const characters = Array.from(value);
  if (shown === 'none' || characters.length < LEAST_CHARACTERS) return MASK;
  return `${characters.slice(0, SHOWN).join('')}...${characters.slice(-SHOWN).join('')}`;
}
