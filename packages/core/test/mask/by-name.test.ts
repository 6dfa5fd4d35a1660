import { maskEnv, maskValue, SensitiveNames } from '@lockfast/core/mask';
import { expect, test } from 'vitest';

test('[S6] the known answers: one value, and an environment', () => {
  expect(maskValue('DJANGO_SECRET_KEY', 'my-secret-key-12345')).toBe('my-s...2345');
  expect(maskEnv({ DJANGO_SECRET_KEY: 'my-secret-key-12345', DEBUG: 'True' })).toEqual({ DJANGO_SECRET_KEY: 'my-s...2345', DEBUG: 'True' });
});

test.each([
  'DJANGO_SECRET_KEY', 'DB_SUPERUSER_PASSWORD', 'APP_DB_PASSWORD', 'TWILIO_AUTH_TOKEN', 'TWILIO_ACCOUNT_SID', 'GOLDAPI_KEY', 'METALS_API_KEY', 'STRIPE_SECRET_KEY', 'STRIPE_WEBHOOK_SECRET',
  'BACKUP_ENCRYPTION_KEY', 'SECRETS_MASTER_KEY', 'GRAFANA_ADMIN_PASSWORD', 'AWS_SECRET_ACCESS_KEY', 'CLOUDFLARE_R2_SECRET_KEY', 'BACKBLAZE_B2_APPLICATION_KEY',
  'databasePassword', 'x-api-key', 'DATABASE_URL', 'authorization', 'github_token',
])('[S6] %s is a sensitive name', (name) => {
  expect(maskValue(name, 'abcdefghijklmnop')).toBe('abcd...mnop');
});

test.each(['DEBUG', 'PORT', 'PUBLIC_KEY', 'STRIPE_PUBLISHABLE_KEY', 'KEYBOARD', 'PWD', 'OLDPWD', 'MONKEY', 'TOKENIZERS_PARALLELISM'])('[S6] %s is none', (name) => {
  expect(maskValue(name, 'abcdefghijklmnop')).toBe('abcdefghijklmnop');
});

test('[S6] short values are wholly masked, all of them where asked, and empty ones stay empty', () => {
  expect(['', 'x', 'secret-value', 'fifteen-letters'].map((value) => maskValue('API_KEY', value))).toEqual(['', '***', '***', '***']);
  expect(maskValue('API_KEY', 'my-secret-key-12345', 'none')).toBe('***');
  expect(maskValue('API_KEY', '🔑🔑🔑🔑--------🔒🔒🔒🔒')).toBe('🔑🔑🔑🔑...🔒🔒🔒🔒');
  expect(maskEnv({ A_KEY: undefined, B_KEY: null, C_KEY: 'my-secret-key-12345' }, 'none')).toEqual({ A_KEY: undefined, B_KEY: null, C_KEY: '***' });
});

test('[S6] the list can be extended', () => {
  const names = new SensitiveNames(['ACME_*', 'LICENCE']);
  expect(['ACME_THING', 'acme_other', 'LICENCE', 'LICENCES', 'A.B', 'API_KEY'].map((name) => names.has(name))).toEqual([true, true, true, false, false, true]);
  expect(new SensitiveNames(['A.B', '*'.repeat(2000)]).has('x'.repeat(5000))).toBe(true);
  expect(new SensitiveNames(['A.B']).has('AxB')).toBe(false);
});
