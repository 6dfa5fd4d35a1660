import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { openSync } from 'node:fs';
import { constants } from 'node:os';

import { describe, expect, test } from 'vitest';

import { lockfast, run, start, type Way } from './fixtures/processes.ts';

const BOTH: readonly Way[] = ['as lockfast', 'spawned by lockfast'];
const PYTHON = '/usr/bin/python3';

function ending({ status, signal }: { status: number | null; signal: NodeJS.Signals | null }): unknown {
  return { status, signal };
}

describe.each(BOTH)('%s', (way) => {
  test.each([
    ['status 0', 'exit 0'],
    ['status 7', 'exit 7'],
    ['status 255', 'exit 255'],
    ['killed by TERM', 'kill -TERM $$'],
    ['killed by KILL', 'kill -KILL $$'],
    ['killed by HUP', 'kill -HUP $$'],
    ['killed by PIPE', 'kill -PIPE $$'],
    ['killed by INT', 'kill -INT $$'],
    ['killed by USR1, which Node takes for its debugger', 'kill -USR1 $$'],
  ])('it ends as the program does: %s', (_, script) => {
    expect(ending(run(way, ['sh', '-c', script]))).toEqual(ending(run('directly', ['sh', '-c', script])));
  });

  test('a signal that leaves a core file: the same where the program is become, else 128+n without a core of ours', () => {
    const expected = way === 'as lockfast' ? { status: null, signal: 'SIGSEGV' } : { status: 139, signal: null };
    expect(ending(run(way, ['sh', '-c', 'ulimit -c 0; kill -SEGV $$']))).toEqual(expected);
  });

  test('arguments arrive as given', () => {
    const args = ['', ' ', 'a b', '"', "'", '\\', '\n', '\t', '*', '$HOME', '`id`', '--', '-c', 'ä€😀', '\u{fffd}', '%s', ''];
    const { stdout } = run(way, [process.execPath, '-e', 'console.log(JSON.stringify(process.argv.slice(1)))', '--', ...args]);
    expect(JSON.parse(stdout)).toEqual(args);
  });

  test('argv[0] is the command as it was written', () => {
    expect(run(way, ['cat', '/proc/self/cmdline']).stdout).toBe('cat\0/proc/self/cmdline\0');
  });

  test('the environment is exactly the given one', () => {
    const environment = { PATH: '/usr/bin:/bin', 'a.b': '1', 'c-d': '2', EMPTY: '', LINES: 'x\ny\n', UNICODE: 'ä€😀\u{fffd}', constructor: 'x' };
    const of = (one: Way): string[] => run(one, ['env', '-0'], { environment }).stdout.split('\0').toSorted();
    expect(of(way)).toEqual(of('directly'));
  });

  test('a variable called __proto__', () => {
    const { stdout } = run(way, ['env'], { wishes: { set: JSON.parse('{"__proto__":"1"}') as object } });
    expect(stdout).toContain('__proto__=1\n');
  });

  test('a megabyte of standard input arrives byte for byte', () => {
    const input = Buffer.alloc(1 << 20, Uint8Array.from({ length: 251 }, (_, i) => i));
    const result = run(way, ['sha256sum'], { input });
    expect(result.stdout).toBe(run('directly', ['sha256sum'], { input }).stdout);
  });

  test('a reader that goes away ends it quietly, as without us', () => {
    const command = way === 'as lockfast' ? lockfast('yes').map(quoted).join(' ') : `exec 3</etc/hostname; ${lockfast('yes').map(quoted).join(' ')}`;
    const piped = (what: string): string[] => {
      const { stdout, stderr } = spawnSync('bash', ['--norc', '-c', `(${what}) | head -n 2; echo "\${PIPESTATUS[0]}"`], { encoding: 'utf8', env: { PATH: '/usr/bin:/bin' } });
      return [stdout, stderr];
    };
    expect(piped(command)).toEqual(piped('yes'));
    expect(piped(command)).toEqual(['y\ny\n141\n', '']);
  });

  test.each([
    ['not found', ['nosuch'], 127, 'command-not-found'],
    ['a directory', ['/etc'], 126, 'command-not-executable'],
    ['not executable', ['/etc/passwd'], 126, 'command-not-executable'],
  ])('%s', (_, argv, status, code) => {
    const result = run(way, argv);
    expect({ status: result.status, stdout: result.stdout, stderr: result.stderr }).toEqual({ status, stdout: '', stderr: expect.stringMatching(`^${code}: [^\n]*\n$`) });
  });

  test('a value of 200 KiB is a clean error that names it', () => {
    const { status, stderr } = run(way, ['true'], { wishes: { large: 200 * 1024 } });
    expect({ status, stderr }).toEqual({ status: 1, stderr: expect.stringMatching(/^too-large: [^\n]*"LARGE_0" takes 204800 bytes[^\n]*\n$/) });
  });

  test('so are many values that together are too much; what fits passes', () => {
    expect(run(way, ['true'], { wishes: { large: 100_000, copies: 70 } }).stderr).toMatch(/^too-large: /);
    expect(run(way, ['sh', '-c', 'env | wc -c'], { wishes: { large: 100_000, copies: 12 } }).stdout).toMatch(/^120\d{4}\n$/);
  });

  test('signals reach it, in less than 100 ms', async () => {
    const signals = ['SIGCONT', 'SIGINT', 'SIGHUP', 'SIGQUIT', 'SIGUSR1', 'SIGUSR2', 'SIGWINCH', 'SIGTERM'] as const;
    const program = [
      'import os,signal',
      'for n in (1,2,3,10,12,15,18,28): signal.signal(n, lambda n, _: os._exit(5) if os.write(1, str(n).encode()) and n == 15 else None)',
      'os.write(1, b"ready")',
      'while True: signal.pause()',
    ].join('\n');
    const child = start(way, [PYTHON, '-c', program]);
    await once(child.stdout!, 'data');
    const delays: number[] = [];
    for (const signal of signals) {
      const sent = performance.now();
      child.kill(signal);
      const [answer] = (await once(child.stdout!, 'data')) as [Buffer];
      delays.push(performance.now() - sent);
      expect(answer.toString()).toBe(String(constants.signals[signal]));
    }
    expect(await once(child, 'exit')).toEqual([5, null]);
    // the middle one: other work on the machine may hold up any single one
    expect(delays.toSorted((a, b) => a - b)[4]).toBeLessThan(100);
  });

  test('looking at our standard streams leaves no O_NONBLOCK on the pipes', () => {
    const script = 'cat /proc/self/fdinfo/0 /proc/self/fdinfo/1 /proc/self/fdinfo/2 | grep flags';
    const piped = (command: string): string => spawnSync('bash', ['--norc', '-c', `: | ${command} 2> >(cat >&2) | cat`], { encoding: 'utf8', env: { PATH: '/usr/bin:/bin', BECOME: '{"touch":["stdin","stdout","stderr"]}' } }).stdout;
    const direct = `sh -c ${quoted(script)}`;
    expect(piped(lockfast('sh', '-c', script).map(quoted).join(' '))).toBe(piped(direct));
  });
});

describe('what the program finds', () => {
  test('our process id', () => {
    const child = run('as lockfast', ['sh', '-c', 'echo $$']);
    expect(child.stdout).toBe(`${child.pid}\n`);
  });

  test('our process id too when we left a file open, which it does not get', () => {
    const child = run('as lockfast', ['sh', '-c', 'echo $$; ls -l /proc/self/fd'], { wishes: { open: '/etc/hosts' } });
    expect(child.stdout).toMatch(new RegExp(`^${child.pid}\n`));
    expect(child.stdout).not.toContain('/etc/hosts');
  });

  test.each(BOTH)('signals, mask, umask, priorities and limits as without us (%s)', (way) => {
    const script = `cd /; umask 027; exec "$0" "$@"`;
    const look = 'grep -vE "^(Pid|PPid|Tgid|Ngid|NSpid|NStgid|Vm|Rss|Threads|(non)?voluntary|HugetlbPages|Mems|Name|FDSize|NSpgid|NSsid|SigQ|Speculation|x86)" /proc/self/status; grep -v "open files" /proc/self/limits; umask; pwd; nice; cat /proc/self/oom_score_adj /proc/self/coredump_filter /proc/self/personality /proc/self/timerslack_ns';
    const seen = (argv: readonly string[], extra: readonly number[]): string => spawnSync('sh', ['-c', script, ...argv], { encoding: 'utf8', env: { PATH: '/usr/bin:/bin' }, stdio: ['pipe', 'pipe', 'pipe', ...extra] }).stdout;
    const extra = way === 'as lockfast' ? [] : [openSync('/etc/hostname', 'r')];
    const direct = seen(['sh', '-c', look], []);
    expect(direct).toContain('SigIgn:\t0000000000000000');
    expect(seen(lockfast('sh', '-c', look), extra)).toBe(direct);
  });

  test('SIGPIPE ignored when systemd started us, for it starts services so', () => {
    const asSystemd = 'import os,sys,signal\nsignal.signal(signal.SIGXFSZ, signal.SIG_DFL)\nos.environ["SYSTEMD_EXEC_PID"]=str(os.getpid())\nos.execv(sys.argv[1], sys.argv[1:])';
    const seen = (argv: readonly string[]): string => spawnSync(PYTHON, ['-c', asSystemd, ...argv], { encoding: 'utf8', env: { PATH: '/usr/bin:/bin' } }).stdout;
    const direct = seen(['/usr/bin/grep', 'SigIgn', '/proc/self/status']);
    expect(direct).toBe('SigIgn:\t0000000000001000\n');
    expect(seen(lockfast('grep', 'SigIgn', '/proc/self/status'))).toBe(direct);
  });

  test('the same descriptors: none of Node\'s, and those it was given', () => {
    const list = ['python3', '-c', 'import os\nfor n in range(3, 300):\n try: print(n, os.readlink(f"/proc/self/fd/{n}").split(":")[0], os.get_inheritable(n))\n except OSError: pass'];
    const direct = run('directly', list).stdout;
    expect(run('as lockfast', list).stdout).toBe(direct);
    expect(run('spawned by lockfast', list).stdout).toBe(`3 /etc/hostname True\n${direct}`);
  });

  test.each([
    ['one of them', '3</etc/hostname', 'cat <&3'],
    ['after gaps', '3</etc/hostname 7</etc/passwd 9</etc/hosts', 'cat <&3 <&7; cat <&9'],
    ['a pipe of a shell', '8< <(echo through a pipe)', 'cat <&8'],
    ['a pipe to write to', '9> >(cat)', 'echo written >&9'],
    ['both ends of a pipe, as make passes them', '3<&$P 4>&$Q', 'echo token >&4; head -n 1 <&3'],
    ['bash\'s own number', '', 'cat /dev/fd/63'],
  ])('descriptors that were passed on purpose: %s', (name, redirection, script) => {
    const both = 'import os,sys\nr,w=os.pipe(); os.dup2(r,40); os.dup2(w,41); os.execvp("bash",["bash","--norc","-c",*sys.argv[1:]])';
    const through = (argv: readonly string[]): string => {
      const command = argv.map(quoted).join(' ');
      const line = name.startsWith('bash') ? `${command} 63< <(echo process substitution)` : `${command} ${redirection} 40<&- 41>&-`;
      return spawnSync(PYTHON, ['-c', both, `P=40 Q=41; ${line} | cat`], { encoding: 'utf8', env: { PATH: '/usr/bin:/bin' } }).stdout;
    };
    const direct = through(['bash', '-c', script]);
    expect(direct).not.toBe('');
    expect(through(lockfast('bash', '-c', script))).toBe(direct);
  });

  test('systemd\'s sockets, addressed to the process that gets them', () => {
    const launch = [
      'import os,socket,sys',
      'a,b=socket.socketpair(); os.dup2(a.fileno(),3); os.set_inheritable(3,True); b.send(b"hello")',
      'os.environ.update(LISTEN_FDS="1",LISTEN_PID=str(os.getpid()))',
      'os.execv(sys.argv[1],sys.argv[1:])',
    ].join('\n');
    const server = 'import os,socket\nassert os.environ["LISTEN_PID"]==str(os.getpid())\nprint(socket.socket(fileno=3).recv(9), sorted(os.environ), os.environ["ODD"])';
    const served = (argv: readonly string[]): string[] => {
      const { stdout, stderr } = spawnSync(PYTHON, ['-c', launch, ...argv], { encoding: 'utf8', env: { PATH: '/usr/bin:/bin', ODD: '$(id) "\' \\' } });
      return [stdout, stderr];
    };
    const direct = served([PYTHON, '-c', server]);
    expect(direct[0]).toContain("b'hello'");
    expect(served(lockfast(PYTHON, '-c', server))).toEqual(direct);
  });

  test('/dev/null where a standard stream was closed', () => {
    const { stdout, status } = spawnSync('sh', ['-c', `${lockfast('sh', '-c', 'readlink /proc/self/fd/0; wc -c').map(quoted).join(' ')} <&-`], { encoding: 'utf8' });
    expect({ stdout, status }).toEqual({ stdout: '/dev/null\n0\n', status: 0 });
  });
});

describe('what can\'t be given back, as child.ts says', () => {
  test('the soft limit of open files is the hard one', () => {
    const limits = (argv: readonly string[]): string => spawnSync('sh', ['-c', 'ulimit -Sn 256; exec "$0" "$@"', ...argv], { encoding: 'utf8', env: { PATH: '/usr/bin:/bin' } }).stdout;
    const script = 'ulimit -Sn; ulimit -Hn';
    const [soft, hard] = limits(lockfast('sh', '-c', script)).split('\n');
    expect(limits(['sh', '-c', script])).toBe(`256\n${hard}\n`);
    expect(soft).toBe(hard);
  });

  test('a signal that was ignored; after -- it is', () => {
    const look = ['grep', 'SigIgn', '/proc/self/status'];
    const seen = (argv: readonly string[]): string => spawnSync(argv[0]!, argv.slice(1), { encoding: 'utf8', env: { PATH: '/usr/bin:/bin' } }).stdout;
    expect(seen(['nohup', ...look])).toBe('SigIgn:\t0000000000000001\n');
    expect(seen(['nohup', ...lockfast(...look)])).toBe('SigIgn:\t0000000000000000\n');
    expect(seen(lockfast('nohup', ...look))).toBe('SigIgn:\t0000000000000001\n');
  });

  test('text that is not UTF-8 is refused, not changed', () => {
    const through = (script: string): [number | null, string] => {
      const { status, stderr } = spawnSync('bash', ['--norc', '-c', script, ...lockfast()], { encoding: 'utf8', env: { PATH: '/usr/bin:/bin' } });
      return [status, stderr];
    };
    expect(through('"$0" "$@" echo ok $\'caf\\xe9\'')).toEqual([1, expect.stringMatching(/^invalid-text: argument 2 of the command is not UTF-8/)]);
    expect(through('NAME=$\'caf\\xe9\' "$0" "$@" true')).toEqual([1, expect.stringMatching(/^invalid-text: the variable "NAME" is not UTF-8/)]);
    expect(through('NAME=$\'\\u fffd\' "$0" "$@" true \ufffd')).toEqual([0, '']);
  });

  test('nor can a NUL be passed', () => {
    const { status, stderr } = run('as lockfast', ['true'], { wishes: { set: { A: 'x\0y' } } });
    expect({ status, stderr }).toEqual({ status: 1, stderr: expect.stringMatching(/^invalid-text: the variable "A" holds a NUL/) });
  });
});

function quoted(word: string): string {
  return `'${word.replaceAll("'", "'\\''")}'`;
}
