/** A kind of database that jobs are proven on. The same tests run on each: what differs is said here. */
import type { Protocol } from '@lockfast/testkit';

import type { ColumnDatabase } from '../../src/jobs/index.ts';
import type { Session } from './session.ts';

export interface DatabaseUnderTest {
  readonly name: string;
  /** Why it can't be had here, as a clause for the title of a skipped test; undefined when it can. */
  readonly missing: string | undefined;
  /** Column types: text without a limit, bytes, JSON. */
  readonly types: { readonly text: string; readonly binary: string; readonly json: string };
  /** Of the table `t`, as a declaration may spell it, too. */
  readonly anotherName: string;
  /** Undefined: it is a file of this process. There is no connection to cut and no server to shut down. */
  readonly server: ServerUnderTest | undefined;
  /** How many times the work of an ordinary run is cut down: the machine has to prove it on each kind. */
  readonly share: number;
  start(): Promise<void>;
  stop(): Promise<void>;
  /** A new one. @param setUp SQL of its owner */
  aDatabase(setUp: string): TestDatabase;
  /** What stands after FROM for rows `s.n`, from 1. */
  series(to: number): string;
}

interface ServerUnderTest {
  readonly protocol: Protocol;
  /** On 127.0.0.1. Only after `start`. */
  readonly port: number;
  /** @param mode in order, or not. @param down done while it is away */
  restart(mode: 'fast' | 'immediate', down?: () => Promise<void>): Promise<void>;
}

export interface TestDatabase {
  /** For jobs, and for {@link openSession}. */
  readonly url: string;
  /** As its administrator. @returns a line for each row, its fields with `|` between */
  sql(text: string): string;
  /** For a job; closed when the test ends. */
  open(url?: string): Promise<ColumnDatabase>;
  /** For an application; closed when the test ends. */
  session(): Promise<Session>;
  /** Of the table `t`: id, org and this column, in the order of the ids. */
  rows(column?: string): readonly (readonly [number, string | null, string | null])[];
  /** Ends the connections that jobs have. */
  cutJobs(): void;
  /** How many columns have a checkpoint. */
  checkpoints(): number;
  /** As if no job had ever run. */
  forgetJobs(): void;
}
