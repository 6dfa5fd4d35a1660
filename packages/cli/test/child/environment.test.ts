import { describe, expect, test } from 'vitest';

import { childEnvironment, type EnvironmentRules } from '../../src/child/environment.ts';

const PLAIN: EnvironmentRules = { override: false, allowUnsafe: false, strip: [] };

function made(inherited: Record<string, string | undefined>, file: readonly (readonly [string, string | null])[], rules: Partial<EnvironmentRules> = {}): Record<string, string> {
  return childEnvironment(inherited, new Map(file), { ...PLAIN, ...rules });
}

function refusal(file: readonly (readonly [string, string | null])[], rules: Partial<EnvironmentRules> = {}): unknown {
  try {
    return made({}, file, rules);
  } catch (error) {
    return error;
  }
}

describe('which value the child gets', () => {
  test('what is set already wins; the file adds the rest', () => {
    expect({ ...made({ A: 'inherited', EMPTY: '' }, [['A', 'file'], ['B', 'file'], ['EMPTY', 'file']]) }).toEqual({ A: 'inherited', B: 'file', EMPTY: '' });
  });

  test('with --override, the file wins', () => {
    expect(made({ A: 'inherited' }, [['A', 'file']], { override: true })['A']).toBe('file');
  });

  test('a name without a value leaves what was inherited, with --override too', () => {
    for (const override of [false, true]) {
      const environment = made({ A: 'inherited' }, [['A', null], ['B', null], ['PATH', null]], { override });
      expect({ ...environment }).toEqual({ A: 'inherited' });
    }
  });

  test('undefined is "not set"', () => {
    expect({ ...made({ A: undefined }, [['A', 'file']]) }).toEqual({ A: 'file' });
  });

  test('every name is a name: __proto__, constructor, dots, dashes, unicode', () => {
    const names = ['__proto__', 'constructor', 'toString', 'a.b', 'c-d', '1x', 'schlüssel', 'with space'];
    const environment = made({}, names.map((name) => [name, `value of ${name}`] as const));
    expect(Object.entries(environment)).toEqual(names.map((name) => [name, `value of ${name}`]));
    expect(Object.getPrototypeOf(environment)).toBeNull();
  });

  test('our own key variables are taken out, wherever they come from; systemd\'s directory stays', () => {
    const inherited = { LOCKFAST_KEY_SOURCE: 'env:CI_KEY', CI_KEY: 'x', CREDENTIALS_DIRECTORY: '/run/credentials/x' };
    const environment = made(inherited, [['CI_KEY', 'y'], ['LOCKFAST_KEY_SOURCE', 'z']], { strip: new Set(['CI_KEY']), override: true });
    expect({ ...environment }).toEqual({ CREDENTIALS_DIRECTORY: '/run/credentials/x' });
  });
});

describe('what it refuses', () => {
  test.each([
    'NODE_OPTIONS', 'LD_PRELOAD', 'LD_LIBRARY_PATH', 'LD_AUDIT', 'PATH', 'BASH_ENV', 'ENV', 'PYTHONPATH', 'PYTHONSTARTUP', 'PERL5OPT', 'RUBYOPT',
    'NODE_PATH', 'GIT_SSH_COMMAND', 'GIT_CONFIG_COUNT', 'BASH_FUNC_ls%%', 'DYLD_INSERT_LIBRARIES', 'JAVA_TOOL_OPTIONS', 'OPENSSL_CONF',
  ])('%s without --allow-unsafe, even where it is set already', (name) => {
    const error = refusal([['OK', '1'], [name, 'sekrit']]);
    expect(error).toMatchObject({ code: 'unsafe-variable', message: expect.stringContaining(name), hint: expect.stringContaining('--allow-unsafe') });
    expect(() => made({ [name]: 'inherited' }, [[name, 'sekrit']])).toThrow(name);
    expect(made({}, [[name, 'given']], { allowUnsafe: true })[name]).toBe('given');
    expect(made({ [name]: 'inherited' }, [])[name]).toBe('inherited');
  });

  test.each(['LD_SDK_KEY', 'ENVIRONMENT', 'NODE_ENV', 'MY_PATH', 'path', 'GITHUB_TOKEN', 'BROWSER', 'HOME'])('%s is no such variable', (name) => {
    expect(made({}, [[name, '1']])[name]).toBe('1');
  });

  test.each(['lfv1.kq2d5x.AAAA', 'encrypted:BDq', 'ENC[AES256_GCM,data:x]'])('a value that is still encrypted: %s', (value) => {
    expect(refusal([['TOKEN', value]])).toMatchObject({ code: 'unresolved-value', message: expect.stringContaining('"TOKEN"') });
    // used or not: fail closed
    expect(() => made({ TOKEN: 'inherited' }, [['TOKEN', value]])).toThrow('TOKEN');
    expect(made({}, [['TOKEN', ` ${value}`]])['TOKEN']).toBe(` ${value}`);
  });

  test.each([
    ['', 'invalid-name'],
    ['A=sekrit', 'invalid-name'],
    ['A\0sekrit', 'invalid-name'],
  ])('the name %j', (name, code) => {
    const error = refusal([['OK', '1'], [name, '2']]);
    expect(error).toMatchObject({ code, message: expect.stringMatching(/^variable 2 of the file/) });
  });

  test('a NUL in a value', () => {
    expect(refusal([['A', 'x\0y']])).toMatchObject({ code: 'invalid-text', message: expect.stringContaining('"A"') });
  });

  test('and no message holds a value', () => {
    const files: [string, string][] = [['PATH', 'sekrit'], ['A', 'sekrit\0'], ['A', 'lfv1.sekrit'], ['A=sekrit', ''], ['\0sekrit', '']];
    for (const file of files) {
      const error = refusal([file]) as Error & { hint: string };
      expect(`${error.message}${error.hint}`).not.toContain('sekrit');
    }
  });
});
