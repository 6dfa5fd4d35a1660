import { expect, test } from 'vitest';

import { exampleWith, generatedValue, planTenant, type TenantLayers } from '@lockfast/fleet';

const NONE: TenantLayers = { tenant: { name: 'acme.example.com', required: [], generated: [] }, own: new Map(), shared: undefined, template: new Map(), given: new Map(), port: undefined, copy: false };
let count = 0;
const generate = (): string => `generated-${(count += 1)}`;

test('[E8] what is given wins over what is generated; DOMAIN is the name; what all share is not copied', () => {
  const plan = planTenant(
    { ...NONE, tenant: { name: 'acme.example.com', required: ['API_KEY', 'SECRET', 'PORT'], generated: ['SECRET', 'TOKEN'] }, shared: new Map([['API_KEY', 'shared']]), given: new Map([['TOKEN', 'mine']]), port: '8001' },
    generate,
  );
  expect(plan.added.map(({ name, origin }) => `${name} ${origin}`)).toEqual(['TOKEN given', 'SECRET generated', 'PORT port', 'DOMAIN domain']);
  expect(plan.added.find(({ name }) => name === 'DOMAIN')!.value).toBe('acme.example.com');
  expect([plan.missing, plan.kept, plan.unfilled]).toEqual([[], [], []]);
});

test('[E8] with copy the shared ones go into its own file, but for what it has itself', () => {
  const plan = planTenant({ ...NONE, shared: new Map([['A', 'shared'], ['B', 'shared']]), given: new Map([['B', 'own']]), copy: true }, generate);
  expect(plan.added.map(({ name, value }) => `${name}=${value}`)).toEqual(['B=own', 'DOMAIN=acme.example.com', 'A=shared']);
});

test('[E8] without defaults the template serves; what only asks for a value is named, and required ones are missing', () => {
  const template = new Map([['LOG_LEVEL', 'info'], ['API_KEY', ''], ['SMTP', 'your-password-here'], ['DSN', '<dsn>'], ['X', 'changeme'], ['SECRET', 'xxxx'], ['KEY', 'sk-...']]);
  const plan = planTenant({ ...NONE, tenant: { name: 'a', required: ['API_KEY', 'LOG_LEVEL', 'OTHER'], generated: ['SECRET'] }, template }, generate);
  expect(plan.added.map(({ name }) => name)).toEqual(['SECRET', 'DOMAIN', 'LOG_LEVEL']);
  expect(plan.missing).toEqual(['API_KEY', 'OTHER']);
  expect(plan.unfilled).toEqual(['API_KEY', 'SMTP', 'DSN', 'X', 'KEY']);
});

test('[E8] nothing that stands there is written over, nor generated anew', () => {
  const own = new Map([['PORT', '1'], ['SECRET', 'old'], ['DOMAIN', 'd'], ['A', 'a']]);
  const plan = planTenant({ ...NONE, tenant: { name: 'a', required: [], generated: ['SECRET', 'NEW'] }, own, given: new Map([['A', 'other']]), port: '2' }, generate);
  expect(plan.added.map(({ name }) => name)).toEqual(['NEW']);
  expect(plan.kept).toEqual(['A', 'PORT']);
});

test('[E8] a generated value is 32 random bytes in base64url', () => {
  const values = Array.from({ length: 100 }, generatedValue);
  expect(new Set(values).size).toBe(100);
  for (const value of values) expect(Buffer.from(value, 'base64url').toString('base64url')).toBe(value);
  expect(Buffer.from(values[0]!, 'base64url')).toHaveLength(32);
});

test('[E9] a template gets the names that it lacks, and keeps what it has', () => {
  expect(exampleWith(undefined, ['A', 'B', 'A'], 'acme')).toBe('# The variables of acme. Their values are encrypted: lockfast env set NAME --tenant acme\nA=\nB=\n');
  expect(exampleWith('export A=1\n# B=\nC=', ['A', 'B', 'C', 'D'], 'acme')).toBe('export A=1\n# B=\nC=\nD=\n');
  expect(exampleWith('A=1', ['A'], 'acme')).toBeUndefined();
});
