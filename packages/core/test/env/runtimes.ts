/**
 * The real programs, asked what they read from many files: as few processes as each allows. Every one gives, for each file, the
 * variables by name, or `null` where it refuses the file.
 */
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { BootedSystemd } from '@lockfast/testkit';

/** As sorted pairs: an object would lose `__proto__` and the order of numbers. `null` if the file is refused. */
export type Pairs = readonly (readonly [string, string | null])[] | null;

export function sorted(entries: Iterable<readonly [string, string | null]>): Pairs {
  return [...entries].toSorted(([a], [b]) => (a < b ? -1 : 1));
}

/** Files 0, 1, 2... in a directory of their own, which is gone afterwards. */
async function withFiles<T>(texts: readonly string[], action: (directory: string) => T | Promise<T>): Promise<T> {
  const directory = mkdtempSync(join(tmpdir(), 'lockfast-runtimes-'));
  try {
    for (const [index, text] of texts.entries()) writeFileSync(join(directory, String(index)), text);
    return await action(directory);
  } finally {
    rmSync(directory, { recursive: true });
  }
}

export function npmDotenv(texts: readonly string[]): Pairs[] {
  const dotenv = createRequire(import.meta.url)('dotenv') as { parse(input: Buffer): Record<string, string> };
  return texts.map((text) => sorted(Object.entries(dotenv.parse(Buffer.from(text)))));
}

const PYTHON = `
import io, json, logging, os, sys
import dotenv, dotenv.version
if len(sys.argv) > 1:
    print(dotenv.version.__version__)
    sys.exit()
logging.disable(logging.CRITICAL)
os.environ.clear()
opened = lambda text: io.TextIOWrapper(io.BytesIO(text.encode()), encoding='utf-8')
json.dump([list(dotenv.dotenv_values(stream=opened(text)).items()) for text in json.load(sys.stdin)], sys.stdout)
`;

export interface PythonDotenv {
  /** For example `1.2.4`. */
  readonly version: string;
  readonly read: (texts: readonly string[]) => [string, string | null][][];
}

/** The first of these interpreters that has one, of any version. PYTHONPATH may name another one. */
export function pythonDotenv(interpreters: readonly string[] = ['python3', '/usr/bin/python3']): PythonDotenv | undefined {
  for (const python of interpreters) {
    const { stdout, status } = spawnSync(python, ['-c', PYTHON, 'version'], { encoding: 'utf8' });
    if (status !== 0) continue;
    const read = (texts: readonly string[]): [string, string | null][][] =>
      JSON.parse(execFileSync(python, ['-c', PYTHON], { input: JSON.stringify(texts), maxBuffer: 1 << 30, encoding: 'utf8' })) as [string, string | null][][];
    return { version: stdout.trim(), read };
  }
  return undefined;
}

/** systemd's own parser, in its shared library. It is what PID 1 reads `EnvironmentFile=` with; see {@link systemdServices}. */
const LIBRARY = `
import ctypes, json, sys
lib = ctypes.CDLL(sys.argv[1])
Strv = ctypes.POINTER(ctypes.c_char_p)
lib.load_env_file.argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.POINTER(Strv)]
def read(path):
    out = Strv()
    if lib.load_env_file(None, path.encode(), ctypes.byref(out)) < 0: return None
    found, i = {}, 0
    while out and out[i] is not None:
        name, _, value = out[i].decode().partition('=')
        found[name] = value
        i += 1
    return list(found.items())
json.dump([read(f'{sys.argv[2]}/{i}') for i in range(int(sys.argv[3]))], sys.stdout)
`;

export function systemdLibrary(): string | undefined {
  for (const directory of ['/usr/lib/x86_64-linux-gnu/systemd', '/usr/lib/aarch64-linux-gnu/systemd']) {
    const found = existsSync(directory) ? readdirSync(directory).find((name) => /^libsystemd-shared-252.*\.so$/.test(name)) : undefined;
    if (found !== undefined && existsSync('/usr/bin/python3')) return join(directory, found);
  }
  return undefined;
}

export async function systemdParser(library: string, texts: readonly string[]): Promise<Pairs[]> {
  return withFiles(texts, (directory) => {
    const output = execFileSync('/usr/bin/python3', ['-c', LIBRARY, library, directory, String(texts.length)], { maxBuffer: 1 << 30, encoding: 'utf8' });
    return (JSON.parse(output) as ([string, string][] | null)[]).map((pairs) => (pairs === null ? null : sorted(pairs)));
  });
}

/** What a service of a booted systemd finds in its environment, a unit for each file. */
export async function systemdServices(texts: readonly string[]): Promise<Pairs[]> {
  await using machine = await BootedSystemd.boot();
  const unit = ['[Service]', 'Type=oneshot', 'UnsetEnvironment=LANG PATH USER HOME LOGNAME SHELL INVOCATION_ID JOURNAL_STREAM SYSTEMD_EXEC_PID', 'EnvironmentFile=/srv/lint/%i', 'StandardOutput=truncate:/srv/out/%i', 'ExecStart=/usr/bin/env -0', ''];
  machine.write('/etc/systemd/system/lint@.service', unit.join('\n'));
  for (const [index, text] of texts.entries()) machine.write(`/srv/lint/${index}`, text);
  mkdirSync(join(machine.root, 'srv/out'));
  await machine.run(['systemctl', 'daemon-reload']);
  await machine.run(['systemctl', 'start', ...texts.map((_, index) => `lint@${index}.service`)]);
  return texts.map((_, index) => {
    const output = join(machine.root, `srv/out/${index}`);
    return existsSync(output) ? environmentPairs(readFileSync(output, 'utf8')) : null;
  });
}

export function hasBash(): boolean {
  return existsSync('/usr/bin/env') && /version 5\.[2-9]/.test(spawnSync('/bin/bash', ['--version'], { encoding: 'utf8' }).stdout ?? '');
}

/**
 * What each file leaves in the environment of a bash of its own, all of them started by one bash; `null` if that bash ended at
 * the file. (A subshell each would be faster, but bash 5.2 ends a subshell whose sourced file ends in `A=1; unknown-command`.)
 */
export async function bash(texts: readonly string[]): Promise<Pairs[]> {
  return withFiles(texts, (directory) => {
    const each = `cd '${directory}'; for ((i = 0; i < ${texts.length}; i++)); do
      /bin/bash --norc --noprofile -c 'set -a; . "$0" >/dev/null; exec /usr/bin/env -0' "./$i" 2>/dev/null </dev/null; printf '${END}\\0'; done`;
    const output = execFileSync('/usr/bin/env', ['-i', 'PATH=/nonexistent', '/bin/bash', '--norc', '--noprofile', '-c', each], { maxBuffer: 1 << 30, encoding: 'utf8' });
    return output.split(`${END}\0`).map((environment) => (environment === '' ? null : environmentPairs(environment)));
  });
}

/** No entry of an environment: it has no equals sign. */
const END = 'lockfast-end-of-file';

function environmentPairs(environment: string): Pairs {
  const entries = environment.split('\0').filter((entry) => entry !== '');
  const own = new Set(['PATH', 'PWD', 'OLDPWD', 'SHLVL', '_']);
  return sorted(entries.map((entry) => [entry.slice(0, entry.indexOf('=')), entry.slice(entry.indexOf('=') + 1)] as const).filter(([name]) => !own.has(name)));
}

export function hasKubectl(): boolean {
  return spawnSync('kubectl', ['version', '--client'], { stdio: 'ignore' }).status === 0;
}

/** The Secret that kubectl would send. No cluster is asked. */
export async function kubectl(texts: readonly string[]): Promise<Pairs[]> {
  return withFiles(texts, (directory) =>
    inLanes(texts, async (_, index) => {
      const { status, stdout } = await finished(['kubectl', 'create', 'secret', 'generic', 'x', `--from-env-file=${directory}/${index}`, '--dry-run=client', '-o', 'json']);
      if (status !== 0) return null;
      const { data = {} } = JSON.parse(stdout) as { data?: Record<string, string> };
      return sorted(Object.entries(data).map(([name, value]) => [name, Buffer.from(value, 'base64').toString()] as const));
    }),
  );
}

export function hasDocker(): boolean {
  return (spawnSync('docker', ['--version'], { encoding: 'utf8' }).stdout ?? '').startsWith('Docker version 28.');
}

/** What the docker client asks a daemon for, which only writes it down. */
export async function docker(texts: readonly string[]): Promise<Pairs[]> {
  return withFiles(texts, async (directory) => {
    const asked = new Map<string, readonly string[]>();
    const daemon = createServer((request, response) => {
      const chunks: Buffer[] = [];
      request.on('data', (chunk: Buffer) => chunks.push(chunk));
      request.on('end', () => {
        response.setHeader('Api-Version', '1.48').setHeader('Content-Type', 'application/json');
        if (request.url?.endsWith('/containers/create') === true) {
          const { Image, Env } = JSON.parse(Buffer.concat(chunks).toString()) as { Image: string; Env: readonly string[] | null };
          asked.set(Image, Env ?? []);
          response.statusCode = 400;
        }
        response.end('{"message": "written down"}');
      });
    });
    const socket = join(directory, 'socket');
    await new Promise<void>((resolve) => daemon.listen(socket, resolve));
    try {
      return await inLanes(texts, async (_, index) => {
        await finished(['docker', '--host', `unix://${socket}`, 'run', `--env-file=${directory}/${index}`, `image${index}`]);
        const env = asked.get(`image${index}`);
        // The daemon lets the last of a name win.
        return env === undefined ? null : sorted(new Map(env.map((entry) => [entry.slice(0, entry.indexOf('=')), entry.slice(entry.indexOf('=') + 1)] as const)));
      });
    } finally {
      daemon.close();
    }
  });
}

/** Four at a time. */
async function inLanes<T>(texts: readonly string[], action: (text: string, index: number) => Promise<T>): Promise<T[]> {
  const results: T[] = [];
  let next = 0;
  const lane = async (): Promise<void> => {
    for (let index = next++; index < texts.length; index = next++) results[index] = await action(texts[index]!, index);
  };
  await Promise.all([lane(), lane(), lane(), lane()]);
  return results;
}

function finished([command, ...args]: readonly string[]): Promise<{ status: number | null; stdout: string }> {
  const { promise, resolve, reject } = Promise.withResolvers<{ status: number | null; stdout: string }>();
  const child = spawn(command!, args, { stdio: ['ignore', 'pipe', 'ignore'], env: { PATH: process.env['PATH'], HOME: '/nonexistent' } });
  const chunks: Buffer[] = [];
  child.stdout.on('data', (chunk: Buffer) => chunks.push(chunk));
  child.on('error', reject);
  child.on('close', (status) => resolve({ status, stdout: Buffer.concat(chunks).toString() }));
  return promise;
}
