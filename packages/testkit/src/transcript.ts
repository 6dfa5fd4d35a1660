/**
 * Runs a transcript: a text that shows what a person types and what comes back, and is the test of it. The form is
 * Cram's: what stands at the margin is prose, two spaces in are `$ command`, `> more of it` and what it prints.
 *
 *   The first line is the title.
 *
 *     $ echo hello
 *     hello
 *     $ false
 *     [exit 1]
 *
 * Playing a transcript gives it anew, with what was printed this time; a test compares the two texts. Standard output
 * and standard error come as they would on a terminal, in one stream. All commands run in one bash, so `cd` and variables
 * hold; standard input is empty unless a here-document gives one.
 */
import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';

/** Gives what differs from run to run a name: each text that the one group of `pattern` matches becomes `<label>`. */
export interface Naming {
  readonly label: string;
  readonly pattern: RegExp;
}

export interface Stage {
  readonly cwd: string;
  readonly env: NodeJS.ProcessEnv;
  /** Texts that are taken out wherever they stand, such as the directory that all of it lies in. */
  readonly hidden: readonly string[];
  readonly names: readonly Naming[];
}

interface Step {
  /** Prose and blank lines before the command. */
  readonly prose: readonly string[];
  /** As it stands, `$ ` and `> ` included. */
  readonly lines: readonly string[];
}

/** @returns the transcript as it went this time */
export async function playTranscript(text: string, stage: Stage): Promise<string> {
  const { steps, end } = parse(text);
  const outputs = await runAll(steps, stage);
  const played = steps.flatMap(({ prose, lines }, i) => [...prose, ...lines.map((line) => `  ${line}`), ...shown(outputs[i]!)]);
  return named([...played, ...end].join('\n'), stage);
}

function parse(text: string): { steps: Step[]; end: string[] } {
  const steps: Step[] = [];
  let prose: string[] = [];
  for (const line of text.split('\n')) {
    if (line.startsWith('  $ ')) {
      steps.push({ prose, lines: [line.slice(2)] });
      prose = [];
    } else if (line.startsWith('  > ') || line === '  >') {
      (steps.at(-1)!.lines as string[]).push(line.slice(2));
    } else if (!line.startsWith('  ')) prose.push(line);
  }
  return { steps, end: prose };
}

interface Output {
  readonly text: string;
  readonly status: number;
}

async function runAll(steps: readonly Step[], { cwd, env }: Stage): Promise<Output[]> {
  const mark = `mark-${randomBytes(8).toString('hex')}`;
  const script = steps.map(({ lines }) => `{\n${lines.map((line) => line.slice(2)).join('\n')}\n} </dev/null 2>&1\nprintf '${mark} %d\\n' "$?"\n`).join('');
  const shell = spawn('bash', ['--norc', '--noprofile', '-c', script], { cwd, env, stdio: ['ignore', 'pipe', 'inherit'], timeout: 60_000, killSignal: 'SIGKILL' });
  const chunks: Buffer[] = [];
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  shell.stdout.on('data', (chunk: Buffer) => chunks.push(chunk));
  shell.on('error', reject);
  shell.on('close', () => resolve(Buffer.concat(chunks).toString()));
  const parts = (await promise).split(new RegExp(`${mark} (\\d+)\\n`));
  if (parts.length !== 2 * steps.length + 1) throw new Error(`the transcript broke off after:\n${parts.join('')}`);
  return steps.map((_, i) => ({ text: parts[2 * i]!, status: Number(parts[2 * i + 1]) }));
}

function shown({ text, status }: Output): string[] {
  const lines = text === '' ? [] : text.replace(/\n$/, '').split('\n');
  if (text !== '' && !text.endsWith('\n')) lines[lines.length - 1] += ' (no newline)';
  // oxlint-disable-next-line no-control-regex
  const printed = lines.map((line) => line.replaceAll(/[\u0000-\u001f\u007f]/g, (c) => `\\x${c.charCodeAt(0).toString(16).padStart(2, '0')}`));
  return [...printed, ...(status === 0 ? [] : [`[exit ${status}]`])].map((line) => `  ${line}`.trimEnd());
}

/** The same text has the same name all through the transcript. */
function named(text: string, { hidden, names }: Stage): string {
  let result = hidden.reduce((rest, part) => rest.replaceAll(part, ''), text);
  for (const { label, pattern } of names) {
    const found = new Set([...result.matchAll(new RegExp(pattern.source, 'gm'))].map(([, match]) => match!));
    const all = [...found];
    for (const match of all) result = result.replaceAll(match, `<${label}${all.length > 1 ? ` ${all.indexOf(match) + 1}` : ''}>`);
  }
  return result;
}
