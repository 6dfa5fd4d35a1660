import { spawn } from 'node:child_process';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';

import { describe, expect, test } from 'vitest';

import { lockfast } from './fixtures/processes.ts';

const DRIVER = fileURLToPath(new URL('fixtures/terminal.py', import.meta.url));
const JOB_SHELL = fileURLToPath(new URL('fixtures/job_shell.py', import.meta.url));
const PYTHON = '/usr/bin/python3';

type Step = readonly [string, string | { readonly rows: number; readonly columns: number }];

interface Ending {
  readonly output: string;
  readonly status: number | null;
  readonly signal: string | null;
  readonly stepsLeft: number;
}

async function inTerminal(argv: readonly string[], steps: readonly Step[] = []): Promise<Ending> {
  const driver = spawn(PYTHON, [DRIVER, JSON.stringify({ argv, steps, rows: 33, columns: 101 })], { env: { PATH: '/usr/bin:/bin', TERM: 'xterm' }, stdio: ['ignore', 'pipe', 'inherit'] });
  return JSON.parse(await text(driver.stdout)) as Ending;
}

/** The second passes the program a descriptor, so that it is spawned. */
const WAYS = ['as lockfast', 'spawned by lockfast'] as const;
function by(way: (typeof WAYS)[number], argv: readonly string[]): string[] {
  return way === 'as lockfast' ? lockfast(...argv) : ['sh', '-c', 'exec "$0" "$@" 3</etc/hostname', ...lockfast(...argv)];
}

describe.concurrent.each(WAYS)('in a terminal, %s', (way) => {
  test('it sees the terminal as without us: three streams, size, modes, foreground group', async () => {
    const program = [
      'import os,fcntl,sys',
      'print([os.isatty(i) for i in (0,1,2)], os.get_terminal_size())',
      'print("foreground", os.tcgetpgrp(0) == os.getpgrp(), "session", os.getsid(0) == os.getpgrp())',
      'print([fcntl.fcntl(i, fcntl.F_GETFL) & os.O_NONBLOCK for i in (0,1,2)], os.ttyname(0) == os.ttyname(1), flush=True)',
      'os.system("stty -a")',
    ].join('\n');
    const direct = await inTerminal([PYTHON, '-c', program]);
    expect(direct.output).toContain('[True, True, True] os.terminal_size(columns=101, lines=33)\nforeground True');
    expect(await inTerminal(by(way, [PYTHON, '-c', program]))).toEqual(direct);
  });

  test.each([
    ['Ctrl-C', '\u0003', 'SIGINT', 130],
    ['Ctrl-\\', '\u001c', 'SIGQUIT', 131],
  ])('%s ends it, and its shell sees so', async (_, key, signal, status) => {
    const program = ['sh', '-c', 'ulimit -c 0; echo ready; exec sleep 20'];
    const ended = await inTerminal(by(way, program), [['ready', key]]);
    // a signal with a core file is a status where we stand in between
    expect([ended.signal, ended.status]).toEqual(way === 'spawned by lockfast' && signal === 'SIGQUIT' ? [null, 131] : [signal, null]);
    const inShell = await inTerminal([PYTHON, JOB_SHELL, ...by(way, program)], [['ready', key]]);
    expect(inShell.output).toContain(`status ${status}`);
  });

  test('Ctrl-C comes once to a program that handles it, and its status counts', async () => {
    const program = 'import signal,time\nn=0\ndef got(*_):\n global n; n+=1\nsignal.signal(signal.SIGINT,got)\nprint("ready",flush=True)\nend=time.monotonic()+0.6\nwhile time.monotonic()<end: time.sleep(0.05)\nprint("interrupts",n,flush=True)\nraise SystemExit(9)';
    const ended = await inTerminal(by(way, [PYTHON, '-c', program]), [['ready', '\u0003']]);
    expect(ended).toMatchObject({ status: 9, signal: null, output: expect.stringContaining('interrupts 1') });
  });

  test('a change of the window reaches it', async () => {
    const program = 'import os,signal\nsignal.signal(signal.SIGWINCH,lambda *_: (os.write(1,str(os.get_terminal_size()).encode()), os._exit(0)))\nos.write(1,b"ready")\nsignal.pause()';
    const ended = await inTerminal(by(way, [PYTHON, '-c', program]), [['ready', { rows: 44, columns: 120 }]]);
    expect(ended).toMatchObject({ status: 0, output: expect.stringContaining('columns=120, lines=44') });
  });

  test('what is typed reaches it, and Ctrl-D ends its input', async () => {
    const ended = await inTerminal(by(way, ['sh', '-c', 'echo ready; cat; echo "<end>"; exit 3']), [['ready', 'typed\n'], ['typed', '\u0004']]);
    expect(ended).toMatchObject({ status: 3, signal: null, output: expect.stringMatching(/typed\ntyped\n<end>/) });
  });

  test('Ctrl-Z stops it and fg goes on', async () => {
    const program = ['sh', '-c', 'echo ready; read line; echo "read $line"'];
    const shell = ['bash', '--norc', '--noprofile', '-i', '-c', 'set -m; "$@"; echo "stopped $?"; fg; echo "ended $?"', 'bash', ...by(way, program)];
    const ended = await inTerminal(shell, [['ready', '\u001a'], ['stopped 148', 'again\n']]);
    expect(ended.output).toContain('read again\n');
    expect(ended.output).toContain('ended 0\n');
  });
});
