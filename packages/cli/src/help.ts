import { type Command, COMMON_OPTIONS } from './command.ts';

const WIDTH = 80;

/** The help page of one command. */
export function commandHelp(command: Command): string {
  const { name, summary, operands, details = [], examples } = command;
  const lines = [`lockfast ${name}: ${summary}`, '', `Usage: lockfast ${name}${Object.keys(command.options).length > 0 ? ' [OPTION...]' : ''}${operands === undefined ? '' : ` ${operands}`}`, ''];
  for (const paragraph of details) lines.push(wrap(paragraph, 0), '');
  lines.push('Options:');
  const options = optionRows(command);
  const width = Math.max(...options.map(([left]) => left.length));
  for (const [left, right] of options) lines.push(`  ${left.padEnd(width)}  ${wrap(right, width + 4)}`);
  lines.push('', 'Examples:');
  for (const [line, what] of examples) lines.push(`  ${line}`, `      ${what}`);
  return `${lines.join('\n')}\n`;
}

export function optionRows(command: Command): [string, string][] {
  return Object.entries({ ...command.options, ...COMMON_OPTIONS }).map(([name, { value, help, choices, kind }]) => [
    value === undefined ? `--${name}` : `--${name} ${value}`,
    `${help}${choices === undefined ? '' : ` (${choices.join(', ')})`}${kind === 'list' ? '; may be given several times' : ''}`,
  ]);
}

/** Breaks lines at spaces; those after the first are indented. */
export function wrap(text: string, indent: number): string {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ')) {
    if (line !== '' && line.length + 1 + word.length > Math.max(WIDTH - indent, 32)) {
      lines.push(line);
      line = word;
    } else line = line === '' ? word : `${line} ${word}`;
  }
  return [...lines, line].join(`\n${' '.repeat(indent)}`);
}
