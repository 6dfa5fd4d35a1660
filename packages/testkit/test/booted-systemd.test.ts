import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

import { BootedSystemd, missingForSystemd } from '@lockfast/testkit';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

const missing = missingForSystemd();

const UNIT = ['[Service]', 'Type=simple', 'RuntimeDirectory=hello', "ExecStart=/bin/sh -c 'echo here > /run/hello/file; echo here > /var/hello; exec sleep infinity'", 'ExecStopPost=/bin/sh -c "echo stopped >> /var/hello"', ''].join('\n');

describe.skipIf(missing !== undefined)(`a booted systemd${missing === undefined ? '' : ` (${missing})`}`, () => {
  let machine: BootedSystemd;
  beforeAll(async () => {
    machine = await BootedSystemd.boot({ files: { '/etc/systemd/system/hello world.service': 'not a unit', '/etc/systemd/system/hello.service': UNIT } });
  });
  afterAll(async () => {
    await machine[Symbol.asyncDispose]();
  });

  test('runs commands and units, with input, environment and directory', async () => {
    const said = await machine.run(['sh', '-c', 'cat; echo "$SAID $(pwd) $(cat /proc/1/comm)"; echo no >&2; exit 3'], { input: 'in\n', env: { SAID: 'a b' }, cwd: '/var' });
    expect(said).toEqual({ status: 3, stdout: 'in\na b /var systemd\n', stderr: 'no\n' });
    expect(await machine.run(['systemctl', 'start', 'hello'])).toMatchObject({ status: 0 });
    expect((await machine.run(['systemctl', 'is-active', 'hello'])).stdout).toBe('active\n');
    expect(readFileSync(join(machine.root, 'run/hello/file'), 'utf8')).toBe('here\n');
    expect(readFileSync(join(machine.written, 'var/hello'), 'utf8')).toBe('here\n');
  });

  test('loses its memory and no file in a power cut, and stops nothing', async () => {
    await machine.run(['systemctl', 'start', 'hello']);
    machine.write('/var/mine', 'kept', 0o600);
    machine.write('/run/mine', 'lost');
    await machine.powerCut();
    expect(() => machine.run(['true'])).toThrow('off');
    expect(readFileSync(join(machine.root, 'var/hello'), 'utf8')).toBe('here\n');
    await machine.reboot();
    expect(readFileSync(join(machine.root, 'var/mine'), 'utf8')).toBe('kept');
    expect(existsSync(join(machine.root, 'run/mine'))).toBe(false);
    expect((await machine.run(['systemctl', 'is-active', 'hello'])).stdout).toBe('inactive\n');
  });

  test('stops its units when it shuts down in order', async () => {
    await machine.run(['systemctl', 'start', 'hello']);
    await machine.reboot();
    expect(readFileSync(join(machine.root, 'var/hello'), 'utf8')).toBe('here\nstopped\n');
  });

  test('leaves nothing behind', async () => {
    const other = await BootedSystemd.boot();
    const { root, written } = other;
    await other[Symbol.asyncDispose]();
    expect(existsSync(root) || existsSync(written)).toBe(false);
    expect(readFileSync('/proc/mounts', 'utf8')).not.toContain(written);
  });
});
