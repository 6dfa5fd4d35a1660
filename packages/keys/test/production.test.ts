/** An application that must not start without a ring that works, and what it says of that to whoever listens. */
import { chmodSync, existsSync, rmSync, writeFileSync } from 'node:fs';
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { join } from 'node:path';
import { spawnSync } from 'node:child_process';

import { generateRootKey, KeyRing } from '@lockfast/core/keyring';
import { KEY_RING_CHANNEL, type KeyRingMessage, keySource, openKeyRing, type OpenMode } from '@lockfast/keys';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';

import { refusalOf, scratch, surroundings } from './surroundings.ts';

const ROOT = generateRootKey();
const PRODUCTION: OpenMode = { production: true };

const messages: unknown[] = [];
const listen = (message: unknown): void => void messages.push(message);

beforeEach(() => {
  messages.length = 0;
  subscribe(KEY_RING_CHANNEL, listen);
});
afterEach(() => void unsubscribe(KEY_RING_CHANNEL, listen));

/** A ring on the disk, as the release brings it to a machine. */
class Machine {
  readonly directory = scratch();
  readonly path = join(this.directory, 'keyring.json');
  readonly environment: Record<string, string | undefined> = { ROOT_KEY: ROOT };

  static async with(environment = 'production'): Promise<{ machine: Machine; ring: KeyRing }> {
    const machine = new Machine();
    const ring = await KeyRing.create(environment, [keySource('env:ROOT_KEY', machine.#around)]);
    machine.write(ring.print());
    return { machine, ring };
  }

  get #around(): ReturnType<typeof surroundings> {
    return surroundings({ directory: this.directory, environment: this.environment });
  }

  write(text: string): void {
    writeFileSync(this.path, text, { mode: 0o600 });
  }

  async open(mode: OpenMode | undefined = PRODUCTION): Promise<KeyRing> {
    return openKeyRing({ path: 'keyring.json', sources: ['env:ROOT_KEY'] }, this.#around, mode);
  }

  /** What `open` is refused with; the channel must have said the same. */
  async refused(mode?: OpenMode): Promise<{ code: string; message: string; hint: string }> {
    messages.length = 0;
    const refusal = await refusalOf(() => this.open(mode));
    expect(messages).toMatchObject([{ event: 'refused', code: refusal.code }]);
    expect(refusal.hint).not.toBe('');
    return refusal;
  }
}

test('[T2] [T6] a ring that works is handed out, and the channel says so', async () => {
  const { machine, ring } = await Machine.with();
  expect((await machine.open()).version).toEqual(ring.version);
  expect(messages).toEqual([{ event: 'opened', environment: 'production', activeKey: ring.active().id }] satisfies KeyRingMessage[]);
});

describe('[T2] [T6] refused, each with its reason and what to do', () => {
  test('no ring', async () => {
    const { machine } = await Machine.with();
    rmSync(machine.path);
    expect(await machine.refused()).toEqual({ code: 'ring-missing', message: `there is no key ring at ${machine.path}`, hint: 'bring it here with the release, or set the path that it has here' });
    expect(messages).toEqual([{ event: 'refused', code: 'ring-missing' }] satisfies KeyRingMessage[]);
  });

  test('a ring that is damaged, cut short, or altered', async () => {
    const { machine, ring } = await Machine.with();
    machine.write('');
    expect((await machine.refused()).code).toBe('ring-malformed');
    machine.write(ring.print().slice(0, 300));
    expect((await machine.refused()).code).toBe('ring-malformed');
    machine.write(ring.print().replace('"generation": 1', '"generation": 2'));
    expect((await machine.refused()).code).toBe('ring-tampered');
  });

  test('a root key that is not set, is none, or is another', async () => {
    const { machine } = await Machine.with();
    for (const [value, code] of [[undefined, 'source-unavailable'], ['', 'source-unavailable'], ['x', 'invalid-key'], [generateRootKey(), 'wrong-key']] as const) {
      machine.environment['ROOT_KEY'] = value;
      const refusal = await machine.refused();
      expect([refusal.code, refusal.message.includes('ROOT_KEY')]).toEqual([code, true]);
    }
  });

  test('a ring of another environment', async () => {
    const { machine, ring } = await Machine.with('development');
    expect(await machine.refused()).toEqual({
      code: 'wrong-environment',
      message: 'the key ring is of the environment development, and this is production',
      hint: 'give this application the key ring and the root key of production',
    });
    expect(messages).toEqual([{ event: 'refused', code: 'wrong-environment', environment: 'development', activeKey: ring.active().id }] satisfies KeyRingMessage[]);
    expect((await machine.refused({ production: true, environment: 'staging' })).code).toBe('wrong-environment');
    expect((await machine.open({ production: true, environment: 'development' })).environment).toBe('development');
  });

  test.for([0o620, 0o602, 0o660, 0o666, 0o622])('a ring file that others can write: %o', async (mode) => {
    const { machine } = await Machine.with();
    chmodSync(machine.path, mode);
    expect(await machine.refused()).toEqual({ code: 'permission-denied', message: `${machine.path}: others can write the key ring`, hint: `run: chmod go-w ${machine.path}` });
    chmodSync(machine.path, 0o644);
    await machine.open();
  });

  test('an active key that is compromised, until another one takes over', async () => {
    const { machine, ring } = await Machine.with();
    const { id } = ring.active();
    const marked = ring.withCompromised(id);
    machine.write(marked.print());
    expect(await machine.refused()).toEqual({
      code: 'key-not-usable',
      message: `the active key ${id} is marked as compromised`,
      hint: 'rotate with `lockfast key rotate`, and bring the new key ring here',
    });
    const rotated = marked.withNewKey();
    machine.write(rotated.withActive(rotated.keys.at(-1)!.id).print());
    await machine.open();
  });
});

test('without production it opens what it opened before', async () => {
  const { machine, ring } = await Machine.with('development');
  machine.write(ring.withCompromised(ring.active().id).print());
  chmodSync(machine.path, 0o666);
  for (const mode of [undefined, { production: false }]) expect((await openKeyRing({ path: machine.path, sources: ['env:ROOT_KEY'] }, surroundings({ environment: machine.environment }), mode)).environment).toBe('development');
});

test('[T5] [T6] nothing secret goes over the channel', async () => {
  const { machine, ring } = await Machine.with();
  await machine.open();
  machine.environment['ROOT_KEY'] = `${ROOT.slice(0, -1)}${ROOT.endsWith('A') ? 'B' : 'A'}`;
  await refusalOf(() => machine.open());
  const said = JSON.stringify(messages);
  expect(messages).toHaveLength(2);
  for (const secret of [ROOT.slice(20, 40), ring.keys[0]!.wrapped.slice(0, 20), machine.directory]) expect(said).not.toContain(secret);
});

test('[T2] an application that is started so ends before it serves anything, with the reason on standard error', async () => {
  const { machine } = await Machine.with();
  const served = join(machine.directory, 'served');
  const start = (root: string): ReturnType<typeof spawnSync> =>
    spawnSync(process.execPath, ['--conditions=lockfast-source', '--input-type=module', '--eval', `
      import { writeFileSync } from 'node:fs';
      import { homedir } from 'node:os';
      import { subscribe } from 'node:diagnostics_channel';
      import { openKeyRing } from '@lockfast/keys';
      subscribe('lockfast:keyring', ({ event, code }) => console.log(event, code ?? ''));
      const nobody = () => Promise.reject(new Error('nobody is here'));
      try {
        await openKeyRing({ path: 'keyring.json', sources: ['env:ROOT_KEY'] }, { environment: process.env, home: homedir(), directory: process.argv[1], askPassphrase: nobody }, { production: true });
        writeFileSync(process.argv[2], '');
      } catch (error) {
        console.error(error.code + ': ' + error.message + ': ' + error.hint);
        process.exitCode = 1;
      }`, machine.directory, served], { encoding: 'utf8', cwd: import.meta.dirname, env: { ROOT_KEY: root } });
  const refused = start(generateRootKey());
  expect(refused).toMatchObject({ status: 1, stdout: 'refused wrong-key\n', stderr: 'wrong-key: the root key in ROOT_KEY does not open the key ring: use the root key that it was made with: see key-source in lockfast.toml\n' });
  expect(existsSync(served)).toBe(false);
  expect(start(ROOT)).toMatchObject({ status: 0, stdout: 'opened \n', stderr: '' });
  expect(existsSync(served)).toBe(true);
});
