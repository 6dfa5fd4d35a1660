/** What asks a person, in real pseudo-terminals; and `env edit`, which hands the plaintext to an editor. */
import { chmodSync, existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

import { expect, onTestFinished, test } from 'vitest';

import { PseudoTerminal } from '@lockfast/testkit';
import { emptyProject, encryptedProject, initialisedProject, LOCKFAST, type Project } from './support/project.ts';

const CTRL_C = '\u0003';
const BACKSPACE = '\u007f';
const CANARY = 'canary-5f1c20d9b7';

function inTerminal(project: Project, args: readonly string[], env: NodeJS.ProcessEnv = {}): PseudoTerminal {
  const terminal = new PseudoTerminal([process.execPath, LOCKFAST, ...args], { cwd: project.directory, env: { ...project.env, ...env } });
  onTestFinished(() => terminal[Symbol.dispose]());
  return terminal;
}

/** The files of the test in which `text` stands, wherever they are. */
function filesWith(project: Project, text: string): string[] {
  return [project.base, project.runtime].flatMap((directory) =>
    readdirSync(directory, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name))
      .filter((path) => readFileSync(path).includes(text)),
  );
}

test('[E2] init asks twice for the passphrase of the backup, without an echo', async () => {
  const project = emptyProject();
  const terminal = inTerminal(project, ['init', '--backup', 'recovery.backup']);
  await terminal.until('Passphrase for the recovery backup: ');
  terminal.type('correct horse\n');
  await terminal.until('Passphrase for the recovery backup, again: ');
  terminal.type('correct horse\n');
  const { status, shown } = await terminal.end();
  expect(status).toBe(0);
  expect(shown).not.toContain('correct');
  expect(shown).toContain('recovery.backup   the recovery backup: store it off this machine, and its passphrase apart from it');

  // The backup opens with it.
  project.write('passphrase', 'correct horse');
  project.write('.lockfast/keyring.json', project.read('recovery.backup'));
  const opened = await project.run(['key', 'list', '--json'], { env: { LOCKFAST_KEY_SOURCE: `passphrase:${project.path('passphrase')}`, XDG_STATE_HOME: project.path('elsewhere') } });
  expect([opened.status, opened.stderr]).toEqual([0, '']);
});

test.each([
  ['Ctrl-C at the first question', [CTRL_C], 'broken off: nothing was changed'],
  ['Ctrl-C at the second question', ['secret\n', CTRL_C], 'broken off: nothing was changed'],
  ['another second entry', ['secret\n', 'secert\n'], 'the two entries differ: run the command again'],
  ['nothing at all', ['\n', '\n'], 'nothing was entered: run the command again and type it'],
])('[E2] init --backup: %s leaves nothing behind', async (_, keys, message) => {
  const project = emptyProject();
  const before = project.tree();
  const terminal = inTerminal(project, ['init', '--backup', 'recovery.backup']);
  for (const [i, typed] of keys.entries()) {
    await terminal.until(i === 0 ? 'backup: ' : 'again: ');
    terminal.type(typed);
  }
  const { status, shown } = await terminal.end();
  expect(shown).toContain(`lockfast: ${message}\n`);
  expect(status).toBe(2);
  expect(project.tree()).toEqual(before);
});

test('[S1] env set asks for the value, shows nothing of it, and knows the keys of a line', async () => {
  const project = await encryptedProject('A=1\n');
  const terminal = inTerminal(project, ['env', 'set', 'SECRET']);
  await terminal.until('Value of SECRET: ');
  // Ctrl-U drops what was typed; a backspace takes a whole character.
  terminal.type(`wrong\u0015${CANARY}é${BACKSPACE}!\r`);
  const { status, shown } = await terminal.end();
  expect([status, shown]).toEqual([0, 'Value of SECRET: \n.env.encrypted: SECRET set, revision 2\n']);
  expect((await project.run(['env', 'get', 'SECRET'])).stdout).toBe(`${CANARY}!`);
  expect(filesWith(project, CANARY)).toEqual([]);
});

test('[S1] env set: Ctrl-C at the question changes nothing', async () => {
  const project = await encryptedProject('A=1\n');
  const before = project.tree();
  const terminal = inTerminal(project, ['env', 'set', 'A']);
  await terminal.until('Value of A: ');
  terminal.type(`half${CTRL_C}`);
  const { status, shown } = await terminal.end();
  expect([status, shown]).toEqual([2, 'Value of A: \nlockfast: broken off: nothing was changed\n']);
  expect(project.tree()).toEqual(before);
});

test('[E3] a key source that is a passphrase is asked for, and may be wrong', async () => {
  const project = emptyProject();
  const made = inTerminal(project, ['init', '--key-source', 'passphrase:']);
  await made.until('Passphrase of the key ring: ');
  made.type('correct horse\n');
  await made.until('again: ');
  made.type('correct horse\n');
  expect((await made.end()).status).toBe(0);

  const right = inTerminal(project, ['key', 'list']);
  await right.until('Passphrase of the key ring: ');
  right.type('correct horse\n');
  expect(await right.end()).toMatchObject({ status: 0, shown: expect.stringContaining('active') });

  const wrong = inTerminal(project, ['key', 'list']);
  await wrong.until('Passphrase of the key ring: ');
  wrong.type('battery staple\n');
  expect(await wrong.end()).toMatchObject({ status: 3, shown: expect.stringContaining('lockfast: the passphrase does not open the key ring: ') });
});

/** An editor that is a shell script; the file is `$1`. */
function editor(project: Project, script: string): NodeJS.ProcessEnv {
  const path = project.write('../bin/editor', `#!/bin/sh\n${script}\n`, 0o755);
  chmodSync(path, 0o755);
  return { EDITOR: path };
}

async function wiped(project: Project): Promise<string[]> {
  return readdirSync(project.runtime);
}

test('[S1] [B2] env edit: the plaintext is in memory alone, and what is saved is encrypted', async () => {
  const project = await encryptedProject(`A=1\nSECRET=${CANARY}\n`);
  const script = [
    'stat -c "%a %n" "$1" > seen',
    'stat -f -c %T "$1" >> seen',
    `sed -i s/^A=1/A=two/ "$1"`,
    // What editors leave: a swap file, a backup, a directory of undo files.
    `cp "$1" "$1~"; cp "$1" "$(dirname "$1")/.env.swp"; mkdir "$(dirname "$1")/undo"; cp "$1" "$(dirname "$1")/undo/1"`,
  ];
  const env = editor(project, script.join('\n'));
  const before = project.text('.env.encrypted').split('\n');
  const edited = await project.run(['env', 'edit'], { env });
  expect(edited).toEqual({ status: 0, signal: null, stdout: '.env.encrypted: revision 2\n', stderr: '' });
  expect(project.text('seen')).toMatch(new RegExp(`^600 ${project.runtime}/lockfast-edit-\\d+-\\w{6}/\\.env\ntmpfs\n$`));
  expect((await project.run(['env', 'list', '--reveal'])).stdout).toBe(`A=two\nSECRET=${CANARY}\n`);
  expect(project.text('.env.encrypted').split('\n')[2]).toBe(before[2]);
  expect(await wiped(project)).toEqual([]);
  expect(filesWith(project, CANARY)).toEqual([]);
});

test('[S1] env edit: nothing changed, an editor that fails, that is missing, that leaves an empty file', async () => {
  const project = await encryptedProject(`SECRET=${CANARY}\n`);
  const editors: [string, number, string, string][] = [
    ['true', 0, '.env.encrypted: nothing changed\n', ''],
    [`echo B=2 >> "$1"; exit 3`, 1, '', 'lockfast: the editor ended with a failure: nothing was changed: edit again and save\n'],
    [`echo B=2 >> "$1"; kill -9 $$`, 1, '', 'Killed\nlockfast: the editor ended with a failure: nothing was changed: edit again and save\n'],
    [': > "$1"', 4, '', 'lockfast: the edited file is empty: to give up all variables, remove the encrypted file itself\n'],
    ['rm "$1"', 1, '', 'lockfast: the editor removed the file: nothing was changed: edit again and save\n'],
  ];
  for (const [script, status, stdout, stderr] of editors) {
    const env = editor(project, script);
    const before = project.tree();
    expect(await project.run(['env', 'edit'], { env }), script).toEqual({ status, signal: null, stdout, stderr });
    expect(project.tree(), script).toEqual(before);
    expect(await wiped(project), script).toEqual([]);
  }
  const before = project.tree();
  expect(await project.run(['env', 'edit'])).toMatchObject({ status: 1, stderr: 'lockfast: neither VISUAL nor EDITOR is set: set EDITOR to the editor that you like, for example EDITOR=nano\n' });
  expect(await project.run(['env', 'edit'], { env: { EDITOR: 'no-such-editor --wait' } })).toMatchObject({ status: 1, stderr: expect.stringMatching(/lockfast: the editor ended with a failure: nothing was changed: edit again and save\n$/) });
  expect(project.tree()).toEqual(before);
  expect(await wiped(project)).toEqual([]);
});

test.each(['SIGTERM', 'SIGHUP', 'SIGQUIT'] as const)('[S1] env edit ended by %s while the editor is open leaves nothing in memory', async (signal) => {
  const project = await encryptedProject(`SECRET=${CANARY}\n`);
  const env = editor(project, 'cp "$1" "$1.swp"; echo open; exec sleep 20');
  const before = project.tree();
  const terminal = inTerminal(project, ['env', 'edit'], env);
  await terminal.until('open');
  expect(filesWith(project, CANARY)).toHaveLength(2);
  terminal.kill(signal);
  const { signal: ended } = await terminal.end();
  expect(ended).toBe(signal);
  expect(await wiped(project)).toEqual([]);
  expect(project.tree()).toEqual(before);
});

test('[S1] env edit whose terminal is closed leaves nothing in memory', async () => {
  const project = await encryptedProject(`SECRET=${CANARY}\n`);
  const terminal = inTerminal(project, ['env', 'edit'], editor(project, 'echo open; exec sleep 20'));
  await terminal.until('open');
  terminal.hangUp();
  expect((await terminal.end()).signal).toBe('SIGHUP');
  expect(await wiped(project)).toEqual([]);
});

test('[S1] env edit: Ctrl-C belongs to the editor; what a killed one left is wiped by the next', async () => {
  const project = await encryptedProject(`SECRET=${CANARY}\n`);
  const first = inTerminal(project, ['env', 'edit'], editor(project, "trap 'echo B=2 >> \"$1\"; exit 0' INT; echo open; while :; do sleep 0.05; done"));
  await first.until('open');
  first.type(CTRL_C);
  expect(await first.end()).toMatchObject({ status: 0, shown: expect.stringContaining('.env.encrypted: revision 2\n') });

  const second = inTerminal(project, ['env', 'edit'], editor(project, 'echo open; exec sleep 20'));
  await second.until('open');
  second.kill('SIGKILL');
  await second.end();
  expect(filesWith(project, CANARY)).toHaveLength(1);
  expect((await project.run(['env', 'edit'], { env: editor(project, 'true') })).status).toBe(0);
  expect(await wiped(project)).toEqual([]);
});

test('[S2] a root key that was pasted in the editor is refused, and the editor opens again with what was typed', async () => {
  const project = await encryptedProject('A=1\n');
  const key = readFileSync(project.rootKey, 'utf8').trim();
  const env = editor(project, `if grep -q KEY= "$1"; then sed -i s/^KEY=.*/B=typed/ "$1"; else echo "KEY=${key}" >> "$1"; fi`);
  const terminal = inTerminal(project, ['env', 'edit'], env);
  await terminal.until('lockfast: KEY holds a root key: take it out');
  await terminal.until('not saved; Enter edits again, Ctrl-C gives the changes up');
  expect(existsSync(project.path('.env'))).toBe(false);
  terminal.type('\r');
  expect(await terminal.end()).toMatchObject({ status: 0, shown: expect.stringContaining('.env.encrypted: revision 2\n') });
  expect((await project.run(['env', 'list', '--reveal'])).stdout).toBe('A=1\nB=typed\n');

  const given = inTerminal(project, ['env', 'edit'], editor(project, `echo "KEY=${key}" >> "$1"`));
  await given.until('Ctrl-C gives the changes up');
  given.type(CTRL_C);
  const { status, shown } = await given.end();
  expect([status, shown.includes(key)]).toEqual([2, false]);
  expect(await wiped(project)).toEqual([]);
});

test('[S1] env edit: a file that someone else changed meanwhile is not overwritten', async () => {
  const project = await encryptedProject('A=1\n');
  const env = editor(project, `echo B=2 >> "$1"; printf 3 | '${process.execPath}' '${LOCKFAST}' env set A`);
  const { status, stderr } = await project.run(['env', 'edit'], { env });
  expect(stderr).toBe('lockfast: .env.encrypted was changed after it was read: run it again: it starts from the new content\n');
  expect(status).toBe(5);
  expect((await project.run(['env', 'list', '--reveal'])).stdout).toBe('A=3\n');
  expect(await wiped(project)).toEqual([]);
});

test('[S10] env convert asks for the Fernet key, without an echo', async () => {
  const project = await initialisedProject();
  const key = (await project.run(['key', 'generate', '--format', 'fernet'])).stdout.trim();
  project.write('token', 'no token');
  const terminal = inTerminal(project, ['env', 'convert', '--from', 'fernet', 'token']);
  await terminal.until('Fernet key: ');
  terminal.type(`${key}\n`);
  const { status, shown } = await terminal.end();
  expect([status, shown.includes(key)]).toEqual([4, false]);
});
