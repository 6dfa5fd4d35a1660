/** A credential over a thousand tenants, files alone: against a shell loop that decrypts and encrypts each with another tool. */
import { spawnSync } from 'node:child_process';
import { appendFileSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { interleave, type Step } from './interleave.ts';
import { newRotationFixture } from './rotation-fixture.ts';
import { type Aim, type Contender, type Job, LOCKFAST, type Row, rowOf } from './table.ts';

const TENANTS = 1000;
/** Set by every tenant of the fixture. */
const VARIABLE = 'SERVICE_7_TOKEN';
const CONTENDERS: readonly Contender[] = ['age', 'openssl'];

/**
 * What the script in use did, and does no more than it must: decrypt, `sed`, encrypt, put in place. It syncs nothing, keeps
 * no copy, proves nothing and records nothing.
 */
const LOOP = `set -e
for file in t/*/.env.encrypted; do
  case $1 in
    age) age -d -i key "$file" | sed "s|^${VARIABLE}=.*|${VARIABLE}=$(cat value)|" | age -r "$(cat recipient)" > "$file.new" ;;
    openssl) openssl enc -d -aes-256-ctr -pass file:key -in "$file" 2>/dev/null | sed "s|^${VARIABLE}=.*|${VARIABLE}=$(cat value)|" | openssl enc -aes-256-ctr -pass file:key -out "$file.new" 2>/dev/null ;;
  esac
  mv "$file.new" "$file"
done
`;

export async function fleet(rounds: number): Promise<Row[]> {
  const all = `secret rotate, ${TENANTS} tenants that each set it`;
  const shared = `secret rotate, shared by ${TENANTS} tenants`;
  const aims = (atLeast: number): Aim[] => CONTENDERS.map((against) => ({ against, atLeast }));
  const jobs: Job[] = [
    { name: all, unit: 'ms', contenders: CONTENDERS, aims: aims(5) },
    { name: shared, unit: 'ms', contenders: CONTENDERS, aims: aims(10) },
  ];
  const fixture = await newRotationFixture(TENANTS);
  try {
    const { cwd } = fixture.lockfast;
    appendFileSync(join(cwd, 'lockfast.toml'), 'extends = "shared.env.encrypted"\n');
    writeFileSync(join(cwd, 'shared.env'), 'SHARED_TOKEN=old\n');
    run(process.execPath, [fixture.lockfast.args[0]!, 'env', 'encrypt', 'shared.env'], cwd, fixture.environment);
    const loops = new Map(CONTENDERS.map((tool) => [tool, layOut(tool, join(cwd, '..', tool), fixture.environment)]));
    spawnSync('sync');
    const ours = (name: string, variable: string, scope: string): Step => (record) => {
      record(name, LOCKFAST, run(process.execPath, [fixture.lockfast.args[0]!, 'secret', 'rotate', variable, '--scope', scope, '--generate', '--yes'], cwd, fixture.environment));
      fixture.removeBackups();
      rmSync(join(cwd, '.lockfast/credential-rotations'), { recursive: true });
    };
    const theirs = [...loops].flatMap(([tool, directory]): Step[] =>
      directory === undefined
        ? []
        : [
            (record) => {
              // Without a layer that all share, a shared credential is one that each has.
              const ms = run('sh', ['-c', LOOP, 'sh', tool], directory, fixture.environment);
              for (const name of [all, shared]) record(name, tool, ms);
            },
          ],
    );
    const samples = await interleave([ours(all, VARIABLE, 'all'), ours(shared, 'SHARED_TOKEN', 'shared'), ...theirs], rounds, 0);
    return jobs.map((job) => rowOf(job, samples));
  } finally {
    fixture.remove();
  }
}

/** The same twenty variables for each tenant, under that tool. @returns undefined where it is not installed */
function layOut(tool: Contender, directory: string, environment: NodeJS.ProcessEnv): string | undefined {
  if (spawnSync(tool, tool === 'age' ? ['--version'] : ['version'], { env: environment, stdio: 'ignore' }).status !== 0) return undefined;
  mkdirSync(directory);
  const plain = Array.from({ length: 20 }, (_, i) => `SERVICE_${i + 1}_TOKEN=${'0123456789abcdef'.repeat(3)}\n`).join('');
  writeFileSync(join(directory, 'plain'), plain);
  writeFileSync(join(directory, 'value'), 'the-new-value-of-the-credential-0123456789a');
  const script =
    tool === 'age'
      ? 'age-keygen -o key 2>/dev/null; age-keygen -y key > recipient; age -r "$(cat recipient)" plain > one'
      : 'openssl rand -hex 32 > key; openssl enc -aes-256-ctr -pass file:key -in plain -out one 2>/dev/null';
  run('sh', ['-ec', `${script}; for i in $(seq ${TENANTS}); do mkdir -p "t/t$i"; cp one "t/t$i/.env.encrypted"; done`], directory, environment);
  return directory;
}

/** Milliseconds. */
function run(command: string, args: readonly string[], cwd: string, env: NodeJS.ProcessEnv): number {
  const start = process.hrtime.bigint();
  const { status, stderr } = spawnSync(command, args, { cwd, env, stdio: ['ignore', 'ignore', 'pipe'], encoding: 'utf8' });
  if (status !== 0) throw new Error(`${command} ${args.slice(0, 4).join(' ')} ended with ${status}: ${stderr}`);
  return Number(process.hrtime.bigint() - start) / 1e6;
}
