/**
 * Lockfast beside its peers, in one run, in one table: `npm run bench [-- start-up|values|env-file|ledger|rotation|fleet|fleet-look|columns|columns-sqlite|masking|guard] [--rounds N]`.
 * `docs/benchmarks.md` says what each row means. Nothing here passes or fails: it measures.
 */
import { readFileSync } from 'node:fs';
import { availableParallelism, loadavg, release } from 'node:os';
import { parseArgs } from 'node:util';

import { columnAdapters } from './column-adapters.ts';
import { columnRotation } from './column-rotation.ts';
import { columnSqlite } from './column-sqlite.ts';
import { columnsDrizzle } from './columns-drizzle.ts';
import { columnsPrisma } from './columns-prisma.ts';
import { envFile } from './env-file.ts';
import { fleetLook } from './fleet-look.ts';
import { fleet } from './fleet.ts';
import { guard } from './guard.ts';
import { ledger } from './ledger.ts';
import { masking } from './masking.ts';
import { rotation } from './rotation.ts';
import { startUp } from './start-up.ts';
import { printTable, type Row } from './table.ts';
import { values } from './values.ts';

interface Section {
  readonly rounds: number;
  run(rounds: number): Promise<Row[]>;
}

const SECTIONS: Readonly<Record<string, Section>> = {
  'start-up': { rounds: 31, run: startUp },
  values: { rounds: 15, run: values },
  'env-file': { rounds: 15, run: envFile },
  ledger: { rounds: 15, run: ledger },
  rotation: { rounds: 10, run: rotation },
  fleet: { rounds: 5, run: fleet },
  'fleet-look': { rounds: 9, run: fleetLook },
  'columns-prisma': { rounds: 15, run: columnsPrisma },
  'columns-drizzle': { rounds: 15, run: columnsDrizzle },
  'column-adapters': { rounds: 11, run: columnAdapters },
  columns: { rounds: 5, run: columnRotation },
  'columns-sqlite': { rounds: 5, run: columnSqlite },
  masking: { rounds: 7, run: masking },
  guard: { rounds: 9, run: guard },
};

const { values: options, positionals } = parseArgs({ allowPositionals: true, options: { rounds: { type: 'string' } } });
const names = positionals.length > 0 ? positionals : Object.keys(SECTIONS);
const unknown = names.find((name) => !Object.hasOwn(SECTIONS, name));
const rounds = options.rounds === undefined ? undefined : Number(options.rounds);
if (unknown !== undefined || (rounds !== undefined && !(Number.isSafeInteger(rounds) && rounds > 0))) {
  process.stderr.write(`usage: npm run bench [-- ${Object.keys(SECTIONS).join('|')}] [--rounds N]\n`);
  process.exit(2);
}

const before = loadavg()[0]!;
const rows: Row[] = [];
for (const name of names) {
  const section = SECTIONS[name]!;
  process.stderr.write(`bench: ${name}, ${rounds ?? section.rounds} rounds\n`);
  rows.push(...(await section.run(rounds ?? section.rounds)));
}
console.log(printTable(rows));
console.log();
console.log(machine());

function machine(): string {
  const model = /^model name\s*:\s*(.+)$/m.exec(readFileSync('/proc/cpuinfo', 'utf8'))?.[1] ?? 'of an unknown model';
  const { node, openssl } = process.versions;
  // Where others work, figures of one row still compare, those of two rows don't.
  const load = `load ${before.toFixed(1)} before, ${loadavg()[0]!.toFixed(1)} after`;
  return `${availableParallelism()} cores (${model}), Linux ${release()}, Node ${node}, OpenSSL ${openssl}, ${load}, ${new Date().toISOString().slice(0, 10)}`;
}
