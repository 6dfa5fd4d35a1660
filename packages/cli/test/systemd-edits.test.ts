/** What is changed in a .env while its service runs: it is encrypted when the service stops, or kept, and never lost or left on a disk. */
import { existsSync, lstatSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

import { missingForSystemd } from '@lockfast/testkit';
import { afterAll, beforeAll, beforeEach, describe, expect, onTestFinished, test } from 'vitest';

import { FleetMachine } from './support/fleet-machine.ts';

const missing = missingForSystemd();

const KEEPER = '/etc/lockfast';
const DIRECTORY = '/srv/tenants/acme';
const PLAIN = `${DIRECTORY}/.env`;
const OPENED = '/run/lockfast/acme/.env';
const EDITED = 'canary-of-an-edit';

describe.skipIf(missing !== undefined)(`a .env that is changed while its service runs${missing === undefined ? '' : ` (${missing})`}`, () => {
  let fleet: FleetMachine;
  let key: string;
  beforeAll(async () => {
    fleet = await FleetMachine.boot();
    await fleet.ok(['useradd', '--system', 'web']);
    await fleet.keep(KEEPER, { user: 'root', tenants: '/srv/tenants/{tenant}', settings: 'way = "file"\n' });
    await fleet.tenant('acme', { directory: '/srv/tenants', owner: 'web', keeper: KEEPER, service: ['User=web'], values: { A: 'one', B: 'two' } });
    await fleet.ok(['chmod', '0755', '/srv/tenants']);
    await fleet.ok(['lockfast', 'tenant', 'install', 'acme']);
    const keys = '/root/.config/lockfast';
    key = join(keys, readdirSync(join(fleet.machine.written, keys))[0]!);
  }, 60_000);
  afterAll(async () => {
    await fleet[Symbol.asyncDispose]();
  });

  beforeEach(async () => {
    await fleet.systemctl('stop', 'acme');
    await fleet.ok(['sh', '-c', `rm -f ${DIRECTORY}/.env.edited-*`]);
    for (const [name, value] of [['A', 'one'], ['B', 'two']] as const) await fleet.ok(['lockfast', 'env', 'set', name, '--tenant', 'acme'], { input: value, cwd: KEEPER });
    await fleet.told('acme', () => fleet.ok(['systemctl', 'start', 'acme']));
  });

  /** As the service's account; not with runuser, whose command line goes to the journal. */
  const asWeb = (...argv: string[]): Promise<string> => fleet.ok(['setpriv', '--reuid=web', '--regid=web', '--clear-groups', ...argv]);
  /** In place: through the link. */
  const edit = (script: string): Promise<string> => asWeb('sed', '-i', '--follow-symlinks', script, PLAIN);
  /** As an editor does that writes a new file and gives it the name. */
  const replace = (script: string): Promise<string> => asWeb('sed', '-i', script, PLAIN);
  const stop = async (): Promise<string> => {
    await fleet.systemctl('stop', 'acme');
    return (await fleet.ok(['systemctl', 'show', '-P', 'Result', 'acme'])).trim();
  };
  const decrypted = (file = `${DIRECTORY}/.env.encrypted`): Promise<string> => fleet.ok(['lockfast', 'env', 'decrypt', file, '--out', '-'], { cwd: KEEPER });
  const nothingLeft = async (): Promise<void> => {
    expect(lstatSync(join(fleet.machine.root, PLAIN), { throwIfNoEntry: false })).toBe(undefined);
    expect(existsSync(join(fleet.machine.root, OPENED))).toBe(false);
    expect(await fleet.traces(EDITED)).toEqual([]);
  };
  const aside = (): string[] => readdirSync(join(fleet.machine.root, DIRECTORY)).filter((name) => name.startsWith('.env.edited-'));

  test('[E10] an edit in place is encrypted, and every other byte stays', async () => {
    await edit(`s/^A=.*/A=${EDITED}/`);
    expect(await stop()).toBe('success');
    expect(await decrypted()).toBe(`# of acme\nA=${EDITED}\nB=two\n`);
    await nothingLeft();
    const { stdout } = await fleet.lockfast(['ledger', 'list', '--tenant', 'acme', '--operation', 'encrypt', '--json'], { cwd: KEEPER });
    expect(stdout).toContain('edited while its service ran');
  });

  test('[E10] an editor that put a file in the place of the link', async () => {
    await replace(`s/^A=.*/A=${EDITED}/`);
    expect(lstatSync(join(fleet.machine.root, PLAIN)).isFile()).toBe(true);
    expect(await stop()).toBe('success');
    expect(await decrypted()).toBe(`# of acme\nA=${EDITED}\nB=two\n`);
    await nothingLeft();
  });

  test.each([
    ['does not parse', `$a C="${EDITED}`],
    ['changes what all share', `s/^SHARED=.*/SHARED=${EDITED}/`],
    ['takes away the comment between the two parts', `/tenant's own/d; s/^A=.*/A=${EDITED}/`],
  ])('[E10] an edit that %s is kept aside, encrypted, and the unit says so', async (_what, script) => {
    await edit(script);
    expect(await stop()).toBe('exit-code');
    expect(await decrypted()).toBe('# of acme\nA=one\nB=two\n');
    const [name] = aside();
    expect(await decrypted(`${DIRECTORY}/${name}`)).toContain(EDITED);
    expect(await fleet.journal('acme')).toContain('is kept in');
    await nothingLeft();
  });

  test('[E10] a file that an editor emptied changes nothing', async () => {
    await asWeb('sh', '-c', `: > ${PLAIN}`);
    expect(await stop()).toBe('exit-code');
    expect(await decrypted()).toBe('# of acme\nA=one\nB=two\n');
    await nothingLeft();
  });

  test('[E10] what was set meanwhile stays; where both changed the same, the edit is kept aside', async () => {
    await edit(`s/^A=.*/A=${EDITED}/`);
    await fleet.ok(['lockfast', 'env', 'set', 'B', '--tenant', 'acme'], { input: 'rotated', cwd: KEEPER });
    expect(await stop()).toBe('success');
    expect(await decrypted()).toBe(`# of acme\nA=${EDITED}\nB=rotated\n`);
    await fleet.told('acme', () => fleet.ok(['systemctl', 'start', 'acme']));
    await edit('s/^B=.*/B=edited/');
    await fleet.ok(['lockfast', 'env', 'set', 'B', '--tenant', 'acme'], { input: 'rotated again', cwd: KEEPER });
    expect(await stop()).toBe('exit-code');
    expect(await decrypted()).toContain("B='rotated again'\n");
    expect(await decrypted(`${DIRECTORY}/${aside()[0]}`)).toContain('B=edited\n');
  });

  describe.each([
    ['the root key', (): string => key],
    ['the ledger', (): string => `${KEEPER}/.lockfast/ledger.db`],
  ])('[E10] while %s is gone', (_what, path) => {
    test.each([
      ['in place', edit],
      ['by another file', replace],
    ])('an edit %s stays in memory, is on no disk, and is encrypted at the next start', async (_how, change) => {
      await change(`s/^A=.*/A=${EDITED}/`);
      const [away, back] = [`for file in '${path()}'*; do mv "$file" "$file.away"; done`, `for file in '${path()}'*.away; do mv "$file" "\${file%.away}"; done`];
      await fleet.ok(['sh', '-c', away]);
      onTestFinished(async () => void (await fleet.machine.run(['sh', '-c', `test ! -e '${path()}.away' || { ${back}; }`])));
      expect(await stop()).toBe('exit-code');
      expect((await fleet.traces(EDITED)).map((one) => one.replace(/\d{10,}/, 'TIME'))).toEqual(['/run/lockfast-edited/acme/TIME/.env']);
      expect(lstatSync(join(fleet.machine.root, PLAIN), { throwIfNoEntry: false })).toBe(undefined);
      expect((await fleet.systemctl('start', 'acme')).status).not.toBe(0);
      expect(await fleet.traces(EDITED)).toHaveLength(1);
      await fleet.ok(['sh', '-c', back]);
      const found = await fleet.told('acme', () => fleet.ok(['systemctl', 'start', 'acme']));
      expect(found.file).toContain(`\nA=${EDITED}\n`);
      expect(await stop(), await fleet.journal('acme')).toBe('success');
      await nothingLeft();
    });
  });

  test('[E10] a file that an editor put there before a power cut is encrypted at the next start', async () => {
    await replace(`s/^A=.*/A=${EDITED}/`);
    await fleet.machine.powerCut();
    await fleet.machine.reboot();
    const found = await fleet.told('acme', () => fleet.ok(['systemctl', 'start', 'acme']));
    expect(found.file).toContain(`\nA=${EDITED}\n`);
    expect(await stop()).toBe('success');
    await nothingLeft();
  });

  test('[E10] [E13] where a value was rotated after the power cut, the edit from before does not undo it: it is kept aside', async () => {
    await replace(`s/^B=.*/B=${EDITED}/`);
    await fleet.machine.powerCut();
    await fleet.machine.reboot();
    await fleet.ok(['lockfast', 'secret', 'rotate', 'A', '--scope', 'acme'], { input: 'rotated', cwd: KEEPER });
    const found = await fleet.told('acme', () => fleet.ok(['systemctl', 'start', 'acme']));
    expect(found.file).toMatch(/^A=rotated\nB=two\n$/m);
    expect(await decrypted(`${DIRECTORY}/${aside()[0]}`)).toContain(`\nB=${EDITED}\n`);
    expect(await stop()).toBe('success');
    await nothingLeft();
  });

  test('[E10] a second line for a variable that was rotated meanwhile does not hide the new value: the edit is kept aside', async () => {
    await edit(`$a A=${EDITED}`);
    await fleet.ok(['lockfast', 'env', 'set', 'A', '--tenant', 'acme'], { input: 'rotated', cwd: KEEPER });
    expect(await stop()).toBe('exit-code');
    expect(await decrypted()).toBe('# of acme\nA=rotated\nB=two\n');
    expect(await decrypted(`${DIRECTORY}/${aside()[0]}`)).toContain(`\nA=${EDITED}\n`);
    await nothingLeft();
  });

  test('a plaintext file that Lockfast did not open is not taken for an edit: the service does not start', async () => {
    await stop();
    fleet.machine.write(PLAIN, 'A=old\n', 0o600);
    expect((await fleet.systemctl('start', 'acme')).status).not.toBe(0);
    expect(await fleet.journal('acme')).toContain('is a plaintext file that Lockfast did not open');
    expect(readFileSync(join(fleet.machine.root, PLAIN), 'utf8')).toBe('A=old\n');
    await fleet.ok(['rm', PLAIN]);
  });

  test.each([
    ['a link', 'ln -sf /root/secret .env'],
    ['another name', 'rm .env; ln /var/secret .env'],
  ])("%s to a file of root's in its place is not read, and not given to the service", async (_what, script) => {
    for (const path of ['/root/secret', '/var/secret']) fleet.machine.write(path, `C=${EDITED}\n`, 0o600);
    await fleet.ok(['sh', '-c', `cd ${DIRECTORY}; ${script}`]);
    await stop();
    expect(await decrypted()).toBe('# of acme\nA=one\nB=two\n');
    expect(aside()).toEqual([]);
    expect((await fleet.systemctl('start', 'acme')).status).not.toBe(0);
    await fleet.ok(['rm', PLAIN, '/root/secret', '/var/secret']);
  });

  test('the way is not changed under a running service', async () => {
    const said = await fleet.lockfast(['tenant', 'uninstall', 'acme'], { cwd: KEEPER });
    expect([said.status, said.stderr]).toEqual([5, 'lockfast: acme.service runs with its .env open: stop it first, or give --now\n']);
    await edit(`s/^A=.*/A=${EDITED}/`);
    expect(await fleet.lockfast(['tenant', 'install', 'acme', '--way', 'run', '--now'], { cwd: KEEPER })).toMatchObject({ status: 0 });
    expect(await decrypted()).toContain(EDITED);
    await fleet.ok(['lockfast', 'tenant', 'install', 'acme', '--now'], { cwd: KEEPER });
  });
});
