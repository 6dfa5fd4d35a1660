/**
 * What someone with write access to an encrypted env file can do on purpose: the checksum is always made right again.
 * A table, so that each case is both tested for its refusal and searched for leaked values.
 */
import { encryptEnvFile, type EnvScope, openEnvFile, splitEntries } from '@lockfast/core/env';
import type { KeyRing } from '@lockfast/core/keyring';

import { edited, impostor, newRing, rotated, withOldKeys } from './rings.ts';
import { type Lines, linesOf, withChecksum, withMac } from './second-writer.ts';

export const WHERE = '.env.encrypted';

/** A refusal as it must be: the code and the message to the letter, and what the hint is about. */
interface Expected {
  readonly code: string;
  readonly message: string;
  readonly hint: RegExp;
}

export interface Tampering {
  readonly title: string;
  readonly file: Buffer;
  readonly scope: EnvScope;
  readonly refusal: Expected;
}

const TAMPERED: Expected = { code: 'tampered', message: `${WHERE} was altered by someone without the key`, hint: /find out who.* restore it/ };
const WRONG_NAME: Expected = { code: 'tampered', message: `${WHERE} shows a name that is not the one inside`, hint: /restore it/ };
const WRONG_KEY: Expected = { code: 'wrong-key', message: `${WHERE} was encrypted under another key`, hint: /key ring and file/ };
const MOVED: Expected = {
  code: 'moved-or-altered',
  message: `${WHERE}: the value was altered, or moved here from another place`,
  hint: /context.* restore the value/,
};

function wrongEnvironment(file: string, ring: string): Expected {
  return {
    code: 'wrong-environment',
    message: `${WHERE} is of the environment ${file}, the key ring of ${ring}`,
    hint: new RegExp(`the key ring of ${file}`),
  };
}

function wrongTenant(file: string, asked: string): Expected {
  return {
    code: 'wrong-tenant',
    message: `${WHERE} belongs to ${file}, not to ${asked}`,
    hint: /--tenant/,
  };
}

function missingKey(id: string): Expected {
  return {
    code: 'missing-key',
    message: `${WHERE}: the key ${id} is not in the key ring of production`,
    hint: /right environment, or .* newer key ring/,
  };
}

function wrongValueKey(id: string): Expected {
  return {
    code: 'wrong-key',
    message: `${WHERE}: the value names the key ${id} but was encrypted under another key, or was altered`,
    hint: /belongs to this environment, tenant and file/,
  };
}

function olderRing(message: string, seen: number): Expected {
  return {
    code: 'ring-older',
    message,
    hint: new RegExp(`newer key ring.* lockfast key accept-older --above ${seen} --reason WHY`),
  };
}

/** @param secret stands in every value and comment, so that a leak of any of them is found */
export async function tamperings(secret: string): Promise<Tampering[]> {
  const ring = await newRing();
  const later = await rotated(ring);
  const staging = await newRing('staging');
  const scope: EnvScope = { ring: later, tenant: 'acme' };
  const text = `# about ${secret}\nA=${secret}-a\nB=${secret}-b\nexport C=${secret}-c\n`;
  const encrypt = (to: EnvScope, plaintext = text): Buffer => encryptEnvFile({ entries: splitEntries(Buffer.from(plaintext)) }, to);

  const older = encrypt(scope, text.replace('-a', '-older'));
  const file = encryptEnvFile({ entries: splitEntries(Buffer.from(text)), previous: openEnvFile(older, scope, WHERE) }, scope);
  const lines = linesOf(file);
  const [header, comment, a, b, c, last] = lines as [string, string, string, string, string, string];
  const valueOf = (line: string): string => line.slice(line.indexOf('=') + 1);

  const cases: Tampering[] = [];
  const add = (title: string, altered: Buffer, refusal: Expected, to: EnvScope = scope): void => {
    cases.push({ title, file: altered, scope: to, refusal });
  };
  /** The checksum alone is right. */
  const outside = (title: string, altered: Lines, refusal: Expected = TAMPERED, to?: EnvScope): void => add(title, withChecksum(altered), refusal, to);
  /** The MAC is right, too: what is bound to the value itself. */
  const inside = (title: string, altered: Lines, refusal: Expected): void => add(`${title}, under a MAC that fits`, withMac(altered, later), refusal);
  const headed = (from: string | RegExp, to: string): Lines => [header.replace(from, to), ...lines.slice(1)];

  outside('two values swapped', [header, comment, `A=${valueOf(b)}`, `B=${valueOf(a)}`, c, last]);
  outside('a variable renamed', [header, comment, a.replace('A=', 'Z='), b, c, last]);
  outside('export added', [header, comment, `export ${a}`, b, c, last]);
  outside('export taken away', [header, comment, a, b, c.replace('export ', ''), last]);
  outside('a line removed', [header, comment, a, c, last]);
  outside('the last line of all removed', [header, comment, a, b, last]);
  outside('all lines removed', [header, last]);
  outside('a comment removed', [header, a, b, c, last]);
  outside('lines in another order', [header, comment, b, a, c, last]);
  outside('a comment moved', [header, a, comment, b, c, last]);
  outside('a line twice', [header, comment, a, a, b, c, last]);
  outside('a line of the older revision', [header, comment, linesOf(older)[2]!, b, c, last]);
  outside('a line of the older revision added', [header, comment, linesOf(older)[2]!, a, b, c, last]);
  outside('a comment altered', [header, comment.replace(/.$/, (digit) => (digit === 'A' ? 'Q' : 'A')), a, b, c, last]);
  outside('a comment replaced by a value', [header, `#=${valueOf(a)}`, a, b, c, last]);
  outside('a variable hidden as a comment', [header, comment, `#=${valueOf(a)}`, b, c, last]);
  outside('a comment made a variable', [header, `X=${valueOf(comment)}`, a, b, c, last]);
  outside('a value cut', [header, comment, a.slice(0, -8), b, c, last]);
  outside('a plaintext that looks encrypted', [header, comment, 'A=lfv1.plain', b, c, last]);
  outside('a MAC of zeros', [...lines.slice(0, -1), last.replace(/mac=[\w-]+/, `mac=${'A'.repeat(43)}`)]);
  outside('the MAC of the older revision', [...lines.slice(0, -1), linesOf(older).at(-1)!]);
  outside('the older revision under the newer number', [linesOf(older)[0]!.replace(/revision=\d+/, 'revision=2'), ...linesOf(older).slice(1)]);

  outside('another environment', headed('environment=production', 'environment=staging'), wrongEnvironment('staging', 'production'));
  outside('another tenant', headed('tenant=acme', 'tenant=globex'), wrongTenant('the tenant globex', 'the tenant acme'));
  outside('no tenant', headed('tenant=acme', 'tenant='), wrongTenant('no tenant', 'the tenant acme'));
  outside('another tenant, read as that one', headed('tenant=acme', 'tenant=globex'), TAMPERED, { ...scope, tenant: 'globex' });
  outside('no tenant, read as none', headed('tenant=acme', 'tenant='), TAMPERED, { ...scope, tenant: '' });
  outside(
    'a tenant that rewrites the terminal',
    headed('tenant=acme', `tenant=${encodeURIComponent('\u001b[2J\nlockfast: all is well\u202e')}`),
    wrongTenant('the tenant "\\u{1b}[2J\\u{a}lockfast: all is well\\u{202e}"', 'the tenant acme'),
  );
  outside('a key that the ring does not have', headed(/key=\S+/, 'key=abcdef'), missingKey('abcdef'));
  outside('another key of the ring', headed(/key=\S+/, `key=${ring.active().id}`), WRONG_KEY);
  outside('another salt', headed(/salt=\S+/, `salt=${Buffer.alloc(32, 7).toString('base64url')}`), WRONG_KEY);
  outside('PBKDF2 in place of HKDF', headed('derivation=hkdf', 'derivation=pbkdf2-sha256:100000'), WRONG_KEY);
  outside('a lower generation of the ring', headed(/:2:/, ':1:'));
  outside('a higher generation of the ring', headed(/:2:/, ':3:'));
  outside('another ring', headed(/ring=[a-z2-7]{16}/, `ring=${'a'.repeat(16)}`));
  outside('another digest of the ring', headed(/:2:[\w-]+/, `:2:${'A'.repeat(43)}`));
  outside('an older revision number', headed('revision=2', 'revision=1'));
  outside('a higher revision number', headed('revision=2', 'revision=9007199254740991'));
  outside('another check value', [...lines.slice(0, -1), last.replace(/check=[\w-]+/, `check=${'A'.repeat(22)}`)], WRONG_KEY);
  outside('a check value with surplus bits', [...lines.slice(0, -1), last.replace(/(check=[\w-]{21})./, (_, before: string) => `${before}${surplus(last)}`)]);

  const others: Readonly<Record<string, EnvScope>> = {
    'another tenant': { ring: later, tenant: 'globex' },
    'another file': scope,
    'another environment': { ring: staging, tenant: 'acme' },
    'the key before': { ring, tenant: 'acme' },
  };
  for (const [of, to] of Object.entries(others)) {
    const [, , theirs] = linesOf(encrypt(to)) as [string, string, string];
    outside(`the value of ${of}`, [header, comment, theirs, b, c, last]);
    const id = to.ring.active().id;
    inside(`the value of ${of}`, [header, comment, theirs, b, c, last], to === others['another environment'] ? missingKey(id) : wrongValueKey(id));
  }
  // Another tenant's file with the same salt: only the context tells the two apart.
  const sameSalt = encryptEnvFile({ entries: splitEntries(Buffer.from(text)), previous: { ...openEnvFile(file, scope, WHERE), entries: [], lines: [] } }, { ring: later, tenant: 'globex' });
  inside('the value of another tenant under the same salt', [header, comment, linesOf(sameSalt)[2]!, b, c, last], MOVED);

  inside('two values swapped', [header, comment, `A=${valueOf(b)}`, `B=${valueOf(a)}`, c, last], MOVED);
  inside('a variable renamed', [header, comment, a.replace('A=', 'Z='), b, c, last], MOVED);
  inside('a variable renamed in case alone', [header, comment, a.replace('A=', 'a='), b, c, last], MOVED);
  inside('a comment made a variable', [header, `X=${valueOf(comment)}`, a, b, c, last], MOVED);
  inside('a variable hidden as a comment', [header, comment, `#=${valueOf(a)}`, b, c, last], MOVED);
  inside('export added', [header, comment, `export ${a}`, b, c, last], WRONG_NAME);
  inside('export taken away', [header, comment, a, b, c.replace('export ', ''), last], WRONG_NAME);
  inside('one digit of a value changed', [header, comment, a.replace(/(.{30})(.)/, (_, before: string, digit: string) => before + (digit === 'A' ? 'Q' : 'A')), b, c, last], wrongValueKey(later.active().id));
  inside('a value cut', [header, comment, a.slice(0, -100), b, c, last], {
    code: 'malformed',
    message: `${WHERE}: this begins like an encrypted value but is cut short, altered or followed by something`,
    hint: /restore the value/,
  });

  await addRings(add, { ring, later, file, encrypt, scope });
  return cases;
}

/** The right file with the wrong key ring. */
async function addRings(
  add: (title: string, file: Buffer, refusal: Expected, scope: EnvScope) => void,
  { ring, later, file, encrypt, scope }: { ring: KeyRing; later: KeyRing; file: Buffer; encrypt: (to: EnvScope) => Buffer; scope: EnvScope },
): Promise<void> {
  const id = later.active().id;
  add('the ring of another environment', file, wrongEnvironment('production', 'staging'), { ...scope, ring: await newRing('staging') });
  add('another ring of the environment', file, missingKey(id), { ...scope, ring: await newRing() });
  add('another ring with a key of the same id', file, WRONG_KEY, { ...scope, ring: await impostor(later) });
  add('the ring before the key was made', file, missingKey(id), { ...scope, ring });

  const old = encrypt({ ring, tenant: 'acme' });
  const retired = { code: 'key-not-usable', hint: /a newer key/ };
  add('a retired key', old, { ...retired, message: `${WHERE}: the key ${ring.active().id} is retired` }, { ...scope, ring: await withOldKeys(later, 'retired') });
  add('a destroyed key', old, { ...retired, message: `${WHERE}: the key ${ring.active().id} is destroyed` }, { ...scope, ring: await withOldKeys(later, 'destroyed') });

  const newer = encrypt({ ring: later.withNewKey(), tenant: 'acme' });
  add('a ring one generation older', newer, olderRing(`the key ring is of generation 2, but ${WHERE} has seen generation 3`, 3), scope);
  add('a fork of the ring', newer, olderRing(`the key ring differs from the one of the same generation 3 that ${WHERE} has seen`, 3), { ...scope, ring: later.withNewKey() });
  const lowered = await edited(later, (document) => {
    document.generation = 1;
  });
  add('a ring whose generation was set back', file, olderRing(`the key ring is of generation 1, but ${WHERE} has seen generation 2`, 2), { ...scope, ring: lowered });
}

function surplus(last: string): string {
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
  const digit = /check=[\w-]{21}([\w-])/.exec(last)![1]!;
  return alphabet[alphabet.indexOf(digit) ^ 1]!;
}
