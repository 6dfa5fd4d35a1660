/** `run --mask` in a real terminal: the program keeps one. */
import { PseudoTerminal, type TerminalEnd } from '@lockfast/testkit';
import { describe, expect, test } from 'vitest';

import { encryptedProject, LOCKFAST, type Project } from './support/project.ts';

const SECRET = 'zq-9931-secret-value';

async function project(): Promise<Project> {
  return encryptedProject(`A_KEY=${SECRET}\n`);
}

/** What came last may be written when the terminal turns line ends into two characters again: then there is one more. */
async function endOf(screen: PseudoTerminal): Promise<TerminalEnd> {
  const end = await screen.end();
  return { ...end, shown: end.shown.replaceAll('\r', '') };
}

function terminal({ directory, env }: Project, program: readonly string[], more: NodeJS.ProcessEnv = {}): PseudoTerminal {
  return new PseudoTerminal([process.execPath, LOCKFAST, 'run', '--mask', '--', ...program], { cwd: directory, env: { ...env, ...more } });
}

describe('in a terminal', () => {
  test('[B9] the program has one, with its size, and what it prints is masked', async () => {
    using screen = terminal(await project(), ['python3', '-c', 'import os;print([os.isatty(i) for i in (0,1,2)], os.get_terminal_size(), "\\x1b[31m"+os.environ["A_KEY"]+"\\x1b[0m", os.environ.get("SHELL"), os.environ.get("SHLVL"));os.write(2,b"err "+os.environb[b"A_KEY"]+b"\\n");raise SystemExit(9)']);
    const { status, shown } = await endOf(screen);
    expect([status, shown]).toEqual([9, '[True, True, True] os.terminal_size(columns=101, lines=33) \u001b[31m***\u001b[0m None None\nerr ***\n']);
  });

  test('[B9] a prompt without a newline is shown, and what is typed reaches the program', async () => {
    using screen = terminal(await project(), ['sh', '-c', 'printf "zq-99 name? "; read name; echo "hello $name $A_KEY"; printf "zq-99"; read again; echo "<$again>"']);
    await screen.until('name? ');
    screen.type('Joan\n');
    await screen.until('hello Joan ***');
    // This one could still become the secret.
    await screen.until('zq-99');
    screen.type('x\n');
    expect(await endOf(screen)).toMatchObject({ status: 0, shown: expect.stringContaining('<x>') });
  });

  test.each([
    ['Ctrl-C', '\u0003', 130],
    ['Ctrl-\\', '\u001c', 131],
  ])('[B9] %s ends it', async (_what, key, status) => {
    using screen = terminal(await project(), ['sh', '-c', 'ulimit -c 0; echo ready; exec sleep 20']);
    await screen.until('ready');
    screen.type(key);
    expect(await endOf(screen)).toMatchObject({ status, signal: null });
  });

  test('[B9] a signal reaches the program, and the program alone', async () => {
    using screen = terminal(await project(), ['sh', '-c', 'trap "echo usr $A_KEY" USR1; trap "echo term; exit 5" TERM; echo ready; while :; do sleep 0.1; done']);
    await screen.until('ready');
    screen.kill('SIGUSR1');
    await screen.until('usr ***');
    screen.kill('SIGTERM');
    expect(await endOf(screen)).toMatchObject({ status: 5, signal: null });
  });

  test('[B9] arguments arrive as they stand', async () => {
    using screen = terminal(await project(), ['printf', '<%s>', "it's", '', '$HOME `x` "q"', 'a\\b']);
    expect(await endOf(screen)).toMatchObject({ status: 0, shown: "<it's><><$HOME `x` \"q\"><a\\b>" });
  });

  test('[B9] what is redirected stays so', async () => {
    const made = await project();
    using screen = new PseudoTerminal(['sh', '-c', 'echo piped | "$0" "$1" run --mask -- sh -c \'cat; test -t 0 || echo no; test -t 1 && echo yes; test -t 2 || echo "no $A_KEY" >&2\' 2>err.txt; cat err.txt', process.execPath, LOCKFAST], { cwd: made.directory, env: made.env });
    expect((await endOf(screen)).shown).toBe('piped\nno\nyes\nno ***\n');
  });

  test('[B9] without script the program sees a pipe, and that is said', async () => {
    const made = await project();
    using screen = terminal(made, ['/bin/sh', '-c', '[ -t 1 ] || echo "a pipe $A_KEY"'], { PATH: '/nowhere' });
    expect(await endOf(screen)).toMatchObject({ status: 0, shown: 'lockfast: warning: the program sees a pipe, not a terminal: that takes `script` of util-linux\na pipe ***\n' });
  });
});
