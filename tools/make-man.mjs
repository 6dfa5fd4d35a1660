// The man page, from the table that --help is made from.
// node --conditions=lockfast-source tools/make-man.mjs [--check]
import { readFileSync } from 'node:fs';

import { COMMANDS } from '../packages/cli/src/commands.ts';
import { optionRows } from '../packages/cli/src/help.ts';
import { writeOrCheck } from './generated-file.mjs';

const { version } = JSON.parse(readFileSync(new URL('../packages/cli/package.json', import.meta.url), 'utf8'));

/** groff(7): a backslash escapes, a dash becomes a hyphen unless it is one, a dot or quote at a line's start is a request. */
function escaped(text) {
  return text.replaceAll('\\', '\\e').replaceAll('-', '\\-').replaceAll("'", '\\(aq').replaceAll('~', '\\(ti').replaceAll('^', '\\(ha').replaceAll('`', '\\(ga').replace(/^\./, '\\&.');
}

/** What stands in backticks is typed. */
function prose(text) {
  return text
    .split('`')
    .map((part, i) => (part === '' ? '' : i % 2 === 1 ? `\\fB${escaped(part)}\\fR` : escaped(part)))
    .join('')
    .replace(/^\./, '\\&.');
}

function command(one) {
  const { name, summary, operands, details = [], examples, options } = one;
  const line = `lockfast ${name}${Object.keys(options).length === 0 ? '' : ' [OPTION...]'}${operands === undefined ? '' : ` ${operands}`}`;
  return [
    `.SS "${escaped(`lockfast ${name}`)}"`,
    `.B ${escaped(line)}`,
    '.PP',
    prose(`${summary[0].toUpperCase()}${summary.slice(1)}.`),
    ...details.flatMap((paragraph) => ['.PP', prose(paragraph)]),
    ...optionRows(one).flatMap(([left, right]) => ['.TP', `.B ${escaped(left)}`, prose(right)]),
    '.PP',
    examples.length === 1 ? 'Example:' : 'Examples:',
    ...examples.flatMap(([typed, what]) => ['.PP', '.RS 4', '.EX', escaped(typed), '.EE', '.RS 4', prose(what), '.RE', '.RE']),
  ];
}

const page = [
  '.\\" Made by tools/make-man.mjs from the table of commands: change it there.',
  `.TH LOCKFAST 1 "" "lockfast ${version}" "User Commands"`,
  '.SH NAME',
  'lockfast \\- keeps secrets encrypted wherever they rest, and gives them to programs',
  '.SH SYNOPSIS',
  '.B lockfast',
  '.I COMMAND',
  '[\\fIOPTION\\fR...] [\\fIARGUMENT\\fR...]',
  '.br',
  '.B lockfast',
  '\\fICOMMAND\\fR \\fB\\-\\-help\\fR | \\fB\\-\\-help\\fR | \\fB\\-\\-version\\fR',
  '.SH DESCRIPTION',
  'A project has one key ring for each environment, wrapped by a root key that is kept elsewhere.',
  'Under its keys every line of an env file is encrypted on its own, so that the encrypted file can be committed, compared and merged;',
  'programs get the values in their environment, and nothing is written to a disk.',
  'A secret is never given on the command line: it is asked for, or read from standard input.',
  '.SH COMMANDS',
  ...COMMANDS.flatMap(command),
  '.SH "EXIT STATUS"',
  ...[
    ['0', 'done'],
    ['1', 'failed, or findings'],
    ['2', 'the command line or the configuration is wrong'],
    ['3', 'the key is missing or wrong, or another environment\'s'],
    ['4', 'a file or value is damaged, tampered, moved or empty'],
    ['5', 'busy, a conflict, or the output exists'],
  ].flatMap(([status, what]) => ['.TP', `.B ${status}`, prose(what)]),
  '.PP',
  '\\fBlockfast run\\fR exits as the program does.',
  '.SH ENVIRONMENT',
  ...[
    ['LOCKFAST_KEY_SOURCE', 'key sources to use, and not those of the configuration; several are separated by spaces'],
    ['VISUAL, EDITOR', 'the editor of `lockfast env edit`'],
    ['XDG_CONFIG_HOME', 'where `lockfast init` puts a root key (default: ~/.config)'],
    ['XDG_STATE_HOME', 'where locks and the newest known key rings are noted (default: ~/.local/state)'],
    ['NO_COLOR', 'when set, no colours'],
  ].flatMap(([name, what]) => ['.TP', `.B ${escaped(name)}`, prose(what)]),
  '.SH FILES',
  ...[
    ['lockfast.toml', 'the configuration, found upward from the working directory'],
    ['/etc/lockfast/lockfast.toml', 'the configuration where there is no other'],
    ['.lockfast/keyring.json', 'the key ring'],
    ['.env.encrypted', 'the encrypted env file'],
  ].flatMap(([name, what]) => ['.TP', `.I ${escaped(name)}`, prose(what)]),
  '',
].join('\n');

writeOrCheck('packages/cli/man/lockfast.1', page, process.argv.slice(2));
