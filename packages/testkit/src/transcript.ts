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
  const printed = named(outputs.map(shown), stage);
  const played = steps.flatMap(({ prose, lines }, i) => [...prose, ...indented(lines), ...indented(printed[i]!)]);
  return [...played, ...end].join('\n');
}

function parse(text: string): { steps: Step[]; end: string[] } {
  const steps: Step[] = [];
  let prose: string[] = [];
  let typing = false;
  const lines = text.split('\n');
  for (const [i, line] of lines.entries()) {
    if (line.startsWith('  $ ')) {
      steps.push({ prose, lines: [line.slice(2)] });
      prose = [];
      typing = true;
    } else if (typing && /^ {2}>(?: |$)/.test(line)) (steps.at(-1)!.lines as string[]).push(line.slice(2));
    else {
      typing = false;
      if (!line.startsWith('  ') && !isBlankOutput(lines, i)) prose.push(line);
    }
  }
  return { steps, end: prose };
}

/** A blank line that something printed: more that it printed comes after it. */
function isBlankOutput(lines: readonly string[], at: number): boolean {
  const next = lines[at] === '' ? lines.slice(at).find((line) => line !== '') : undefined;
  return next?.startsWith('  ') === true && !next.startsWith('  $ ');
}

function indented(lines: readonly string[]): string[] {
  return lines.map((line) => (line === '' ? '' : `  ${line}`));
}

interface Output {
  readonly text: string;
  readonly status: number;
}

async function runAll(steps: readonly Step[], { cwd, env }: Stage): Promise<Output[]> {
  const mark = `mark-${randomBytes(8).toString('hex')}`;
  const script = steps.map(({ lines }) => `{\n${lines.map((line) => line.slice(2)).join('\n')}\n} </dev/null 2>&1\nprintf '${mark} %d\\n' "$?"\n`).join('');
  const shell = spawn('bash', ['--norc', '--noprofile', '-c', script], { cwd, env, stdio: ['ignore', 'pipe', 'inherit'], timeout: 240_000, killSignal: 'SIGKILL' });
  const chunks: Buffer[] = [];
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  shell.stdout.on('data', (chunk: Buffer) => chunks.push(chunk));
  shell.on('error', reject);
  shell.on('close', () => resolve(Buffer.concat(chunks).toString()));
  const parts = (await promise).split(new RegExp(`${mark} (\\d+)\\n`));
  if (parts.length !== 2 * steps.length + 1) throw new Error(`the transcript broke off after:\n${parts.join('')}`);
  return steps.map((_, i) => ({ text: parts[2 * i]!, status: Number(parts[2 * i + 1]) }));
}

/** The lines of an output, blank ones at its end left out. What looks like a command gets a backslash. */
function shown({ text, status }: Output): string[] {
  const lines = text === '' ? [] : text.replace(/\n+$/, '').split('\n');
  if (text !== '' && !text.endsWith('\n')) lines[lines.length - 1] += ' (no newline)';
  const printed = lines.map((line, i) => {
    // oxlint-disable-next-line no-control-regex
    const plain = line.trimEnd().replaceAll(/[\u0000-\u001f\u007f]/g, (c) => `\\x${c.charCodeAt(0).toString(16).padStart(2, '0')}`);
    return plain.startsWith('$ ') || (i === 0 && /^>(?: |$)/.test(plain)) ? `\\${plain}` : plain;
  });
  return status === 0 ? printed : [...printed, `[exit ${status}]`];
}

/** The same text has the same name all through the outputs. */
function named(outputs: readonly string[][], { hidden, names }: Stage): string[][] {
  const separator = '\u0000';
  let text = outputs.map((lines) => lines.join('\n')).join(`\n${separator}\n`);
  for (const part of hidden) text = text.replaceAll(part, '');
  for (const { label, pattern } of names) {
    const all = [...new Set([...text.matchAll(new RegExp(pattern.source, 'gm'))].map(([, match]) => match!))];
    for (const [i, match] of all.entries()) text = text.replaceAll(match, `<${label}${all.length > 1 ? ` ${i + 1}` : ''}>`);
  }
  return text.split(`\n${separator}\n`).map((output) => (output === '' ? [] : output.split('\n')));
}
