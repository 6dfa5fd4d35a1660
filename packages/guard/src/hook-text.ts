/** What hooks hold, and what the files of other tools that run hooks get. */

/** The hooks that there are. */
export const HOOKS = ['pre-commit', 'pre-push'] as const;
export type Hook = (typeof HOOKS)[number];

export const BEGIN = '# lockfast guard: begin';
const END = '# lockfast guard: end';

/** The directory, beside the hooks, of the scripts that ours runs first. */
export const CHAINED = 'lockfast.d';

const SCAN: Readonly<Record<Hook, string>> = { 'pre-commit': 'guard scan --staged', 'pre-push': 'guard scan --pushed "$1"' };

/** @param command how a shell calls Lockfast, quoted */
export function hookScript(hook: Hook, command: string): string {
  const lines = ['#!/bin/sh', BEGIN, '# Made by `lockfast guard install`; `lockfast guard uninstall` puts back what was here before.', `before="$(dirname -- "$0")/${CHAINED}/${hook}"`];
  const chained = hook === 'pre-push' ? ['refs=$(cat)', 'given() { [ -z "$refs" ] || printf \'%s\\n\' "$refs"; }', 'if [ -x "$before" ]; then given | "$before" "$@" || exit $?; fi', `given | ${command} ${SCAN[hook]}`] : ['if [ -x "$before" ]; then "$before" "$@" || exit $?; fi', `${command} ${SCAN[hook]}`];
  return `${[...lines, ...chained, END].join('\n')}\n`;
}

/** For a script that somebody else wrote: it goes to its beginning, since there may be an `exit` at its end. */
export function hookBlock(hook: Hook, command: string): string {
  const scan = hook === 'pre-push' ? ['lockfast_refs=$(cat)', `printf '%s\\n' "$lockfast_refs" | ${command} ${SCAN[hook]} || exit $?`, 'exec <<lockfast_refs', '$lockfast_refs', 'lockfast_refs'] : [`${command} ${SCAN[hook]} || exit $?`];
  return `${[BEGIN, ...scan, END].join('\n')}\n`;
}

export function lefthookBlock(command: string): string {
  const entry = (hook: Hook, run: string, more: readonly string[]): string[] => [`${hook}:`, '  commands:', '    lockfast-guard:', `      run: ${run}`, ...more];
  return `${[BEGIN, ...entry('pre-commit', `${command} guard scan --staged`, []), ...entry('pre-push', `${command} guard scan --pushed {1}`, ['      use_stdin: true']), END].join('\n')}\n`;
}

/** @param indent of the items of `repos:` */
export function preCommitBlock(command: string, indent: string): string {
  const range = `sh -c '${command.replaceAll("'", String.raw`'\''`)} guard scan --range "$PRE_COMMIT_FROM_REF..$PRE_COMMIT_TO_REF"'`;
  const hook = (id: string, entry: string, stage: Hook): string[] => [`- id: ${id}`, `  name: ${id}`, `  entry: ${entry}`, '  language: system', '  pass_filenames: false', '  always_run: true', `  stages: [${stage}]`].map((line) => `${indent}    ${line}`);
  return `${[BEGIN, `${indent}- repo: local`, `${indent}  hooks:`, ...hook('lockfast-guard', `${command} guard scan --staged`, 'pre-commit'), ...hook('lockfast-guard-push', range, 'pre-push'), END].join('\n')}\n`;
}

/** Without our lines; undefined where there are none. */
export function withoutBlock(text: string): string | undefined {
  const begin = text.indexOf(`${BEGIN}\n`);
  const end = text.indexOf(`${END}\n`, begin);
  return begin === -1 || end === -1 ? undefined : text.slice(0, begin) + text.slice(end + END.length + 1);
}
