import { askGit, type GitPlace } from './git.ts';

/** A blob under a name. */
export interface Placed {
  readonly id: string;
  readonly path: string;
  readonly mode: string;
  /** The oldest commit that has it there. */
  readonly commit: string | undefined;
}

/** Oldest first. */
export function commitsOf(place: GitPlace, revisions: readonly string[]): string[] {
  return askGit(place, ['rev-list', '--reverse', ...revisions]).toString('latin1').split('\n').filter((line) => line !== '');
}

/**
 * What `--raw -z` says of blobs that came: of a diff, or of many commits with their ids between. A merge (`::`) has a mode and
 * an id for each parent before its own; it names what none of the parents has.
 */
export function placesIn(parts: readonly string[]): Placed[] {
  const placed: Placed[] = [];
  let commit: string | undefined;
  for (let i = 0; i < parts.length; i++) {
    const part = parts[i]!;
    const colons = /^:+/.exec(part)?.[0].length;
    if (colons === undefined) {
      if (part !== '') commit = part.trim();
      continue;
    }
    const words = part.slice(colons).split(' ');
    const [mode, id] = [words[colons]!, words[2 * colons + 1]!];
    i += 1;
    if (mode !== '000000') placed.push({ id, path: parts[i]!, mode, commit });
  }
  return placed;
}

/** What `ls-files --stage -z` says. */
export function treeEntries(parts: readonly string[]): { readonly mode: string; readonly id: string; readonly path: string }[] {
  return parts.flatMap((part) => {
    const [, mode, id, path] = /^([0-7]{6}) ([0-9a-f]+) [0-3]\t([\s\S]*)$/.exec(part) ?? [];
    return mode === undefined ? [] : [{ mode, id: id!, path: path! }];
  });
}
