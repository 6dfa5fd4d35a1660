/** Columns whose values are under the key of their row's tenant, and end with it. */
import { readFileSync } from 'node:fs';

import { LockfastError } from '@lockfast/core/errors';
import { type DataKeys, ValueCipher } from '@lockfast/core/formats';
import { type KeyRing, type LiveRing, Secret } from '@lockfast/core/keyring';
import { expect, test } from 'vitest';

import { column, type ColumnDefinition, shreddedAt } from '../src/index.ts';
import { heldRing, rotatedRing } from './held-ring.ts';

const OWN = { id: 'users.phone', context: ['org_id', 'id'], tenantKey: 'own', tenant: 'org_id' } as const;

async function ringOf(...tenants: readonly string[]): Promise<KeyRing> {
  return (await heldRing()).withTenantSecrets(tenants);
}

function refusal(action: () => unknown): LockfastError {
  try {
    action();
  } catch (error) {
    if (error instanceof LockfastError) return error;
  }
  throw new Error('it was not refused');
}

test('[W10] a value comes back for its own tenant, and in no other row, column or mode', async () => {
  const ring = await ringOf('7', '8');
  const phone = column(ring, OWN);
  const stored = phone.encrypt('+49 30 1', { org_id: 7, id: 1 });
  expect(phone.decrypt(stored, { org_id: '7', id: 1n })).toBe('+49 30 1');
  expect(refusal(() => phone.decrypt(stored, { org_id: 8, id: 1 })).code).toBe('wrong-key');
  expect(refusal(() => phone.decrypt(stored, { org_id: 7, id: 2 })).code).toBe('moved-or-altered');
  expect(refusal(() => column(ring, { ...OWN, id: 'users.mobile' }).decrypt(stored, { org_id: 7, id: 1 })).code).toBe('moved-or-altered');
  expect(refusal(() => column(ring, { ...OWN, tenantKey: 'shared' }).decrypt(stored, { org_id: 7, id: 1 })).code).toBe('wrong-key');
  const binary = column(ring, { ...OWN, as: 'bytes', storage: 'binary' });
  const bytes = Buffer.from([1, 2, 3]);
  expect(binary.decrypt(binary.encrypt(bytes, { org_id: 7, id: 1 }), { org_id: 7, id: 1 })).toEqual(bytes);
});

test('a UUID is one tenant in either case', async () => {
  const tenant = 'b2f7c2de-1111-4222-8333-0123456789ab';
  const phone = column(await ringOf(tenant), OWN);
  const stored = phone.encrypt('x', { org_id: tenant.toUpperCase(), id: 1 });
  expect(phone.decrypt(stored, { org_id: tenant, id: 1 })).toBe('x');
});

test('[W10] the value of a shredded tenant is refused with when its key was destroyed; other tenants go on, and the tenant may begin anew', async () => {
  const ring = await ringOf('acme', 'globex');
  const before = column(ring, OWN);
  const [acme, globex] = before.encryptBatch(['a', 'b'], [{ org_id: 'acme', id: 1 }, { org_id: 'globex', id: 2 }]);
  const shredded = ring.withTenantSecretDestroyed('acme');
  const after = column(shredded, OWN);
  const error = refusal(() => after.decrypt(acme!, { org_id: 'acme', id: 1 }));
  const destroyed = shreddedAt(error)!;
  expect([error.code, error.message]).toEqual(['key-not-usable', expect.stringContaining(`users.phone: the key of the tenant acme was destroyed on purpose at ${destroyed}`)]);
  expect(Date.parse(destroyed)).toBeLessThanOrEqual(Date.now());
  expect(shreddedAt(refusal(() => after.encrypt('new', { org_id: 'acme', id: 1 })))).toBe(destroyed);
  expect(after.decrypt(globex!, { org_id: 'globex', id: 2 })).toBe('b');

  const again = column(shredded.withTenantSecrets(['acme']), OWN);
  expect(shreddedAt(refusal(() => again.decrypt(acme!, { org_id: 'acme', id: 1 })))).toBe(destroyed);
  expect(again.decrypt(again.encrypt('new', { org_id: 'acme', id: 1 }), { org_id: 'acme', id: 1 })).toBe('new');
});

test('a tenant without a key of its own is refused, with what gives it one', async () => {
  const phone = column(await ringOf('acme'), OWN);
  const error = refusal(() => phone.encryptBatch(['a', 'b'], [{ org_id: 'acme', id: 1 }, { org_id: 'globex', id: 2 }]));
  expect([error.code, error.message, error.hint]).toEqual(['missing-key', expect.stringContaining('the tenant globex has no key of its own'), expect.stringContaining('lockfast tenant own-key globex')]);
  expect(shreddedAt(error)).toBeUndefined();
  expect(refusal(() => phone.encrypt('a', { org_id: '', id: 1 })).code).toBe('invalid-context');
  expect(refusal(() => phone.encrypt('a', { org_id: 'x'.repeat(256), id: 1 })).code).toBe('invalid-context');
});

test('[W10] while a table moves from shared to own, and back, migrating reads both; without it only what is declared is read', async () => {
  const ring = await ringOf('acme');
  const at = { org_id: 'acme', id: 1 };
  const shared = column(ring, { id: OWN.id, context: OWN.context });
  const own = column(ring, OWN);
  for (const [stored, text] of [[shared.encrypt('s', at), 's'], [own.encrypt('o', at), 'o']] as const) {
    expect(column(ring, { ...OWN, migrating: true }).decrypt(stored, at)).toBe(text);
    expect(column(ring, { ...OWN, tenantKey: 'shared', migrating: true }).decrypt(stored, at)).toBe(text);
  }
  expect(refusal(() => own.decrypt(shared.encrypt('s', at), at)).code).toBe('wrong-key');
  expect(refusal(() => shared.decrypt(own.encrypt('s', at), at)).code).toBe('wrong-key');
  // Of whichever key it is: in another row it is neither.
  const both = column(ring, { ...OWN, migrating: true });
  for (const one of [shared, own]) expect(refusal(() => both.decrypt(one.encrypt('x', at), { ...at, id: 2 })).code).toBe('moved-or-altered');
  expect(refusal(() => both.decrypt(String(own.encrypt('x', at)).slice(0, 50), at)).code).toBe('malformed');
});

test('[W10] a running application that meets a tenant without a key looks for a newer ring, once, and goes on with that', async () => {
  const old = await ringOf('acme');
  const newer = old.withTenantSecrets(['globex']);
  let [ring, looks] = [old, 0];
  const live: LiveRing = {
    current: () => ring,
    lookAgain: () => {
      looks++;
      [ring] = [newer];
      return looks === 1;
    },
  };
  const phone = column(live, OWN);
  const at = { org_id: 'globex', id: 1 };
  expect(phone.decrypt(phone.encrypt('x', at), at)).toBe('x');
  expect(looks).toBe(1);
  expect(refusal(() => phone.encrypt('x', { org_id: 'initech', id: 1 })).code).toBe('missing-key');
  ring = newer.withTenantSecretDestroyed('globex');
  expect(shreddedAt(refusal(() => phone.encrypt('x', at)))).toEqual(expect.any(String));
});

test('a data key rotation changes nothing for tenants: old values open, new ones are under the new key', async () => {
  const ring = await ringOf('acme');
  const at = { org_id: 'acme', id: 1 };
  const stored = column(ring, OWN).encrypt('x', at);
  const rotated = rotatedRing(ring);
  const phone = column(rotated, OWN);
  expect(phone.decrypt(stored, at)).toBe('x');
  expect(phone.keyIdOf(phone.encrypt('x', at), at)).toBe(rotated.active().id);
  expect(phone.keyIdOf(stored, at)).toBe(ring.active().id);
});

test('[W10] a batch over thousands of tenants gives each its own, and keeps few ciphers', { timeout: 60_000 }, async () => {
  const tenants = Array.from({ length: 1000 }, (_, i) => `t${i}`);
  const ring = await ringOf(...tenants);
  const phone = column(ring, OWN);
  const contexts = Array.from({ length: 2000 }, (_, id) => ({ org_id: `t${id % 1000}`, id }));
  const stored = phone.encryptBatch(
    contexts.map(({ id }) => `value ${id}`),
    contexts,
  );
  expect(phone.decryptBatch(stored, contexts)).toEqual(contexts.map(({ id }) => `value ${id}`));
  // Tenant for tenant, too, with all of them in turns.
  for (const id of [0, 1000, 1, 999]) expect(phone.decrypt(stored[id]!, contexts[id])).toBe(`value ${id}`);
});

test.for<[Partial<ColumnDefinition>, string]>([
  [{ tenantKey: 'own' }, 'no column says whose a row is'],
  [{ tenantKey: 'own', tenant: 'org_id' }, 'is not among its context'],
  [{ tenantKey: 'shared', tenant: 'org_id', context: ['id'] }, 'is not among its context'],
  [{ tenantKey: 'each' as 'own', tenant: 'org_id', context: ['org_id'] }, 'there is no such tenantKey'],
  [{ tenantKey: 'own', tenant: 'org_id', context: ['org_id'], format: 'fernet', migrating: true }, "can not be under a tenant's own key"],
])('the definition %j is refused', async ([definition, message]) => {
  const ring = await heldRing();
  expect(refusal(() => column(ring, { id: 'users.phone', ...definition } as ColumnDefinition))).toMatchObject({ code: 'usage', message: expect.stringContaining(message) as unknown });
});

test('[W10] [B2] the example of the format\'s page opens with the keys that stand there, and with no others', () => {
  const page = readFileSync(new URL('../../../docs/formats/column.md', import.meta.url), 'utf8');
  const fact = (name: string): string => new RegExp(`^${name} +(\\S+)$`, 'm').exec(page)![1]!;
  const keys: DataKeys = { environment: fact('environment'), active: () => dataKey, decrypting: () => dataKey, held: () => dataKey };
  const dataKey = { id: 'kq2d5x', secret: new Secret(Buffer.from(fact('data key'), 'hex')) };
  const place = { tenant: 7, place: ['users.phone', '7'] };
  const tenantSecret = new Secret(Buffer.from(fact("tenant's secret"), 'hex'));
  expect(new ValueCipher(keys, { purpose: 'column', tenantSecret }).decrypt(fact('text'), place)).toBe('correct horse');
  expect(refusal(() => new ValueCipher(keys, { purpose: 'column' }).decrypt(fact('text'), place)).code).toBe('wrong-key');
});
