import { type Command, JSON_OPTION, type Option, REASON_OPTION, YES_OPTION } from '../../command.ts';
import { DESPITE_INSTANCES, DESPITE_INSTANCES_OPTION } from '../../key/despite-instances.ts';

/** How many indexes may stand on one command line. */
const ANY_NUMBER = [0, 1000] as const;

const CHANGING = { reason: REASON_OPTION, json: JSON_OPTION } as const satisfies Record<string, Option>;

/** Blind indexes of encrypted columns, as [[blind-indexes]] in lockfast.toml declares them. */
export const INDEX_COMMANDS: readonly Command[] = [
  {
    name: 'column index status',
    summary: 'count the rows of blind indexes by key, and those without one',
    operands: '[ID...]',
    arity: ANY_NUMBER,
    options: {
      verify: { kind: 'text', value: 'all|N', help: 'decrypt all values, or those of N rows that are spread over the table, and compare each with its index' },
      json: JSON_OPTION,
    },
    details: ['Without --verify the database counts by how the index begins, which can not tell the index of another value: a writer that changes a value and forgets its index is found with --verify. The exit status is 1 when there are such rows, or ones that name no key of the ring.'],
    examples: [['lockfast column index status', 'all declared indexes'], ['lockfast column index status --verify all', 'also finds rows whose writer forgot the index']],
    load: () => import('./status.ts'),
  },
  {
    name: 'column index build',
    summary: 'write the index of every value that has none, one under an older key, or that of another value',
    operands: '[ID...]',
    arity: ANY_NUMBER,
    options: {
      'dry-run': { kind: 'flag', help: 'say what would be written, row for row with --verbose, and change nothing' },
      verbose: { kind: 'flag', help: 'also name every record, by its label or its key; -v for short' },
      batch: { kind: 'text', value: 'N', help: 'rows in one transaction (default: 1000)' },
      'max-rate': { kind: 'text', value: 'N', help: 'rows a second at most; it slows down by itself when replicas lag or others wait for locks' },
      ...CHANGING,
    },
    details: [
      'The first build of an index makes its key. A column with only a few different values is refused: its index would give them away.',
      'Rows that the application writes meanwhile are never overwritten. ^C stops after the running batch; a killed run leaves every row as it was or with its own index. Either way the same command goes on where it was.',
    ],
    examples: [['lockfast column index build --dry-run', 'how many rows have no index'], ['lockfast column index build customers.email.index', 'one index']],
    load: () => import('./build.ts'),
  },
  {
    name: 'column index rotate',
    summary: 'make the next key of a blind index: programs search by it, and do not write under it yet',
    operands: 'ID',
    arity: [1, 1],
    options: CHANGING,
    details: ['A rotation has four steps: rotate; activate, when every program has the key ring; build, when every program has the key ring of that; finish. At each moment a search finds every row.'],
    examples: [['lockfast column index rotate customers.email.index --reason "yearly"', 'the first step']],
    load: () => import('./rotate.ts'),
  },
  {
    name: 'column index activate',
    summary: 'write a blind index under its next key from now on',
    operands: 'ID',
    arity: [1, 1],
    options: { [DESPITE_INSTANCES]: DESPITE_INSTANCES_OPTION, ...CHANGING },
    details: ['First bring the key ring with the next key to every program that searches by the index: one without it does not find what others write. Where [databases.NAME] has `instances`, the running applications are asked, and it is refused until each live one holds the key.'],
    examples: [['lockfast column index activate customers.email.index', 'the second step of a rotation']],
    load: () => import('./activate.ts'),
  },
  {
    name: 'column index finish',
    summary: 'destroy the older key of a blind index, when no row is under it',
    operands: 'ID',
    arity: [1, 1],
    options: { [DESPITE_INSTANCES]: DESPITE_INSTANCES_OPTION, ...CHANGING, yes: YES_OPTION },
    details: ['It is refused while rows are under that key, and, where [databases.NAME] has `instances`, until each live application has the present key ring: one from before the activation writes under the older key. On a terminal the id must be typed; elsewhere it takes --yes.'],
    examples: [['lockfast column index finish customers.email.index --yes', 'the last step of a rotation']],
    load: () => import('./finish.ts'),
  },
];
