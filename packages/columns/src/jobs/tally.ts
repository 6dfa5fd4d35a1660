/** What a job has counted. */
export interface Tally {
  rows: number;
  null: number;
  /** Found in plaintext. */
  plaintext: number;
  /** That already were as the job wants them. */
  already: number;
  /** That the job converted; in a dry run, would convert. */
  changed: number;
  /** Not replaced, since somebody else changed or removed the row after it was read. The next pass meets it again, if it is still there. */
  conflicts: number;
  /** Left as they are, since the keys of their tenants were destroyed. */
  shredded: number;
  /** Left as they are, since nothing opens them or the column can't hold what they would become. */
  unreadable: number;
}

export function newTally(): Tally {
  return { rows: 0, null: 0, plaintext: 0, already: 0, changed: 0, conflicts: 0, shredded: 0, unreadable: 0 };
}

/** From a checkpoint, whose counts some other version may have written. */
export function tallyOf(counts: Readonly<Record<string, number>>): Tally {
  const tally = newTally();
  for (const name of Object.keys(tally) as (keyof Tally)[]) tally[name] = counts[name] ?? 0;
  return tally;
}
