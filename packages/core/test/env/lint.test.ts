/** What lint finds: the readings and their causes, and what is wrong whoever reads the file. It never tells a value. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import type { Dialect } from '@lockfast/core/env/dialects';
import { CAUSES, type Expectations, FINDING_KINDS, isReadAlike, lintEnv, type LintReport, parseExample, parseSchema, type Target, TARGET_NAMES } from '@lockfast/core/env/lint';

import { cases } from '../formats/scale.ts';
import { corpus } from './corpus.ts';
import { envLikeBytes } from './generators.ts';
import { measured } from './measured.ts';

const NOTHING: Expectations = { required: [], elsewhere: new Set(), schema: undefined, example: new Map() };

function lint(text: string | Uint8Array, { own = 'node', targets = TARGET_NAMES, expectations = {} }: { own?: Dialect; targets?: readonly Target[]; expectations?: Partial<Expectations> } = {}): LintReport {
  return lintEnv(Buffer.from(text), { own, targets, differences: 'error', expectations: { ...NOTHING, ...expectations } });
}

/** `docker, k8s: quotes` for each group that reads another thing than the own dialect. */
function causes(text: string, own: Dialect = 'node'): string[] {
  return lint(text, { own }).variables.flatMap(({ groups }) => groups.slice(1).map((group) => `${group.targets.join(', ')}: ${group.outcome.kind === 'value' ? '' : `${group.outcome.kind}, `}${group.causes.join(' and ')}`));
}

/** What is found beside differences, without severities. */
function found(text: string | Uint8Array, expectations: Partial<Expectations> = {}, targets: readonly Target[] = ['node']): string[] {
  return lint(text, { expectations, targets })
    .findings.filter(({ kind }) => kind !== 'difference')
    .map(({ severity, kind, line, name, detail }) => `${severity} ${kind} ${line ?? '-'} ${name ?? '-'}: ${detail}`);
}

describe('[B8] why programs differ', () => {
  test.each<[string, string[]]>([
    ['A=x/y:z\n', []],
    ['A="x y"\n', ['docker, k8s: quotes']],
    ['A=abc#def\n', ['python, docker, systemd, compose, shell, k8s: comment']],
    ['A=abc #def\n', ['docker, systemd, k8s: comment']],
    ['A="x y" # c\n', ['docker, k8s: quotes and comment', 'systemd: comment']],
    ['A=C:\\new\n', ['systemd, shell: escape']],
    ['A="a\\tb"\n', ['python, compose: escape', 'docker, k8s: quotes']],
    ['A=one\\\nB=1\n', ['systemd, shell: continuation', 'systemd, shell: unset, other-line']],
    ['A=p$X\n', ['compose, shell: expansion']],
    ["A='${X}'\n", ['python: expansion', 'docker, k8s: quotes']],
    ['A="l1\nl2"\n', ['docker: quotes and multi-line', 'k8s: refused, quotes and multi-line']],
    ['export A=v\n', ['docker, k8s: refused, export-prefix', 'systemd: unset, export-prefix']],
    [' A = v\n', ['docker, k8s: refused, space-at-equals', 'shell: unset, space-at-equals']],
    ['A=v \n', ['docker, k8s: trailing-space']],
    ['A=a b\n', ['shell: unset, blank']],
    ['A=a;b\n', ['shell: shell-character']],
    ["A=it's\n", ['shell: unset, quotes-within']],
    ['A-B=1\n', ['systemd, shell: unset, name-refused']],
    ['1A=1\n', ['systemd, shell: unset, name-refused', 'k8s: refused, name-refused']],
    ['A=1\r\n', ['shell: carriage-return']],
    ['A=\u00a0v\n', ['dotenv, python, compose: unusual-white-space']],
  ])('%j', (text, expected) => {
    expect(causes(text)).toEqual(expected);
  });

  test('text behind the closing quote', () => {
    expect(causes('A="x"y\n').join()).toContain('text-behind');
  });

  test('a byte order mark', () => {
    expect(causes('\ufeffA=1\n', 'dotenv')).toEqual(['node, systemd, shell: unset, byte-order-mark']);
  });

  test('whose reading counts is said, and stands first', () => {
    const { targets, variables } = lint('A="x"\n', { own: 'docker', targets: ['node', 'docker'] });
    expect(targets).toEqual(['docker', 'node']);
    expect(variables[0]?.groups.map((group) => group.targets)).toEqual([['docker'], ['node']]);
  });

  test('the spelling that all read alike is that of the value which the own dialect reads', () => {
    expect(lint('A="x"\nB="x y"\nC=x y\n').variables.map(({ spelling }) => spelling?.text)).toEqual(['A=x', undefined, undefined]);
    expect(lint('B=x y\n', { targets: ['shell', 'systemd'] }).variables[0]?.spelling).toEqual({ style: 'single-quotes', text: "B='x y'" });
  });

  test('of a target that refuses the file one sees what it makes of the other lines', () => {
    expect(causes('export A=1\nB="x"\n').slice(-1)).toEqual(['docker, k8s: quotes']);
    expect(found('export A=1\n', {}, ['docker'])).toEqual(['error refused 1 -: refuses the whole file: the line has white space in a variable name']);
  });

  test('a line within quotes that docker takes for a variable: the line is told, and not the name', () => {
    const report = lint("KEY='first\nc2VjcmV0=\nlast'\n", { targets: ['node', 'docker'] });
    expect(report.findings.map(({ kind, line, targets }) => [kind, line, targets])).toContainEqual(['extra-variable', 2, ['docker']]);
    expect(JSON.stringify(report.findings)).not.toContain('c2VjcmV0');
  });

  test('the own reading is a group of every variable, and every other group has a cause', () => {
    const own = fc.constantFrom<Dialect>('node', 'python', 'docker', 'systemd', 'shell');
    const seen = new Set<string>();
    fc.assert(
      fc.property(fc.oneof(envLikeBytes, fc.constantFrom(...corpus(200, 5)).map((text) => Buffer.from(text))), own, (bytes, dialect) => {
        const report = lint(bytes, { own: dialect });
        for (const variable of report.variables) {
          expect(variable.groups[0]?.targets[0]).toBe(dialect);
          expect(variable.groups.flatMap(({ targets }) => targets).toSorted()).toEqual([...TARGET_NAMES].toSorted());
          for (const group of variable.groups.slice(1)) {
            expect(group.causes.length).toBeGreaterThan(0);
            for (const cause of group.causes) seen.add(cause);
          }
        }
        for (const { kind, detail } of report.findings) {
          expect(FINDING_KINDS).toContain(kind);
          expect(detail).toMatch(/^[\x20-\x7e]+$/);
        }
      }),
      { numRuns: cases(400) },
    );
    // The closed set is used, and `syntax` is the exception.
    expect([...seen].every((cause) => cause in CAUSES)).toBe(true);
  }, 120_000);

  test('nearly every difference of a generated file has a cause with a name', () => {
    let [named, all] = [0, 0];
    for (const text of corpus(cases(150), 7)) {
      for (const { groups } of lint(text).variables) {
        for (const group of groups.slice(1)) {
          all++;
          if (!group.causes.includes('syntax')) named++;
        }
      }
    }
    expect(all).toBeGreaterThan(100);
    expect(named / all).toBeGreaterThan(0.9);
  }, 120_000);
});

describe('[B8] what is wrong whoever reads it', () => {
  test('[B8] weak secrets and placeholders', () => {
    const weak = (line: string): string | undefined => found(`${line}\n`)[0]?.replace(/^(\w+ \S+) .*$/, '$1');
    for (const line of ['API_KEY=changeme', 'DB_PASSWORD=password', 'TOKEN=xxx', 'API_KEY=your-key-here', 'SECRET=<secret>', 'DATABASE_URL=postgres://app:changeme@db/app', 'SESSION_SECRET="keyboard cat"', 'ADMIN_PASSWORD=123456', 'SECRET_KEY=django-insecure-abcdefg']) {
      expect(weak(line), line).toBe('error placeholder');
    }
    for (const line of ['SESSION_SECRET=short', 'API_KEY=a1b2c3d4', 'DB_PASSWORD=hunter', 'JWT_SECRET=aaaaaaaaaaaaaaaaaaaaaaaa']) expect(weak(line), line).toBe('warning weak');
    for (const line of ['PUBLIC_KEY=abc', 'KEYBOARD=us', 'API_KEY_FILE=/run/x', 'DB_PASSWORD=correct-horse', 'JWT_SECRET=zq8V3nQ2mcT1o0bJ7kA9', 'GREETING=changeme not', 'URL=http://host/a:b@c', 'STRIPE_PUBLISHABLE_KEY=pk_1', 'TOKEN_TTL=60']) {
      expect(weak(line), line).toBeUndefined();
    }
  });

  test('[B8] empty, twice, the same but for case, blanks around the value', () => {
    expect(found('A=\nB_SECRET=\n')).toEqual(['warning empty 2 B_SECRET: empty', 'note empty 1 A: empty']);
    expect(found('A=1\nB=1\nA=2\n')).toEqual(['warning duplicate 1 A: also on line 3: the last one counts, and kubectl refuses the file']);
    expect(found('Path=1\nPATH=2\n')).toEqual(['warning case 2 PATH: differs from Path in case alone: two variables on Linux, one on Windows']);
    expect(found("A=' x'\nB='x\n'\n")).toEqual(['warning white-space 1 A: white space at an end of the value']);
  });

  test('[B8] what must be there', () => {
    expect(found('A=1\n', { required: ['A', 'B', 'C'], elsewhere: new Set(['C']) })).toEqual(['error missing - B: required, and missing']);
    expect(found('A=\n', { required: ['A'] })).toEqual(['error empty 1 A: required, and empty']);
    expect(found('A=1\n', { example: parseExample(Buffer.from('A=x\nB=\n')) })).toEqual(['warning missing - B: stands in the example file, and not here']);
  });

  test('[B8] the value that the example shows', () => {
    const example = parseExample(Buffer.from('API_KEY=zq8V3nQ2mcT1o0bJ7kA9\nPORT=8000\n'));
    expect(found('API_KEY=zq8V3nQ2mcT1o0bJ7kA9\nPORT=8000\n', { example })).toEqual(['error example-value 1 API_KEY: the value that the example file shows to everybody']);
  });

  test('bytes', () => {
    expect(found('A=1\nB=a\0b\n')).toEqual(['error nul 2 -: a NUL byte, which no environment variable can carry']);
    expect(found(Buffer.from('A=caf\xe9\n', 'latin1'))).toEqual(['warning not-utf-8 - -: bytes that are not UTF-8: some refuse them, others replace them']);
  });

  test('lines that nobody reads', () => {
    expect(found('A=1\njunk\n')).toEqual(['error unread-line 2 -: no equals sign']);
  });

  test('of a file that its own dialect refuses nothing is said to be missing', () => {
    expect(lint('A="x\n', { own: 'compose', targets: ['compose'], expectations: { required: ['B'] } }).findings.map(({ kind }) => kind)).toEqual(['refused']);
  });
});

describe('[B8] a schema', () => {
  const schema = (text: string): Partial<Expectations> => ({ schema: parseSchema(Buffer.from(text)) });

  test('required, optional, types, unknown names', () => {
    const declared = schema('# @defaultRequired=true\n\n# The port\n# @type=port\nPORT=3000\n# @optional\nNOTE=\nMODE= # @type=enum(on, off)\nMISSING=\n');
    expect(found('PORT=70000\nMODE=maybe\nOTHER=1\n', declared)).toEqual([
      'error missing - MISSING: required, and missing',
      'error type 1 PORT: not what the schema asks for: port',
      'error type 2 MODE: not what the schema asks for: one of on, off',
      'warning unknown 3 OTHER: not in the schema',
    ]);
    expect(found('PORT=80\nMODE=on\nMISSING=1\n', declared)).toEqual([]);
  });

  test.each<[string, readonly string[], readonly string[]]>([
    ['boolean', ['true', 'FALSE', '1', 'off'], ['2', 'maybe']],
    ['integer', ['0', '-12'], ['1.5', 'x', '1e3']],
    ['integer(min=1, max=9)', ['1', '9'], ['0', '10']],
    ['number', ['1.5', '-2e3', '.5'], ['1,5', 'NaN']],
    ['port', ['1', '65535'], ['0', '65536', 'http']],
    ['url', ['https://a.b/c', 'postgres://u@h:5432/d'], ['a.b', 'http://', 'https://a b']],
    ['email', ['a@b.example'], ['a@b', '@b.c']],
    ['uuid', ['123e4567-e89b-12d3-a456-426614174000'], ['123']],
    ['ip', ['127.0.0.1', '::1'], ['256.0.0.1', '1.2.3', 'a:b:z']],
    ['hostname', ['localhost', 'a-b.example'], ['-a', 'a_b']],
    ['base64', ['YWJj', 'YQ=='], ['a', '!']],
    ['hex', ['00ff'], ['0', 'xy']],
    ['json', ['{"a":1}', '[]'], ['{a:1}']],
    ['duration', ['30s', '1.5h'], ['30', 's']],
    ['string(minLength=4, maxLength=5)', ['abcd'], ['abc', 'abcdef']],
  ])('the type %s', (type, good, bad) => {
    const declared = schema(`# @type=${type}\nX=\n`);
    for (const value of good) expect(found(`X='${value}'\n`, declared), value).toEqual([]);
    for (const value of bad) expect(found(`X='${value}'\n`, declared).join(), value).toContain('error type 1 X');
  });

  test('what can not be read of it is told, by its line', () => {
    expect(found('A=1\n', schema('# @type=colour\nA=\njunk\n'))).toEqual(['error schema - -: line 1 of the schema has a type that is not known', 'error schema - -: line 3 of the schema has no assignment and no comment']);
    expect(found('A=1\n', schema('# @requried\nA=\n'))).toEqual(['error schema - -: line 1 of the schema has a decorator that is not known']);
    expect(found('A=1\n', schema('# mail to a@required.example\nA= # @sensitive\n'))).toEqual([]);
  });

  test('a blank line parts a decorator from what follows', () => {
    expect(found('', schema('# @required\n\nA=\n'))).toEqual([]);
  });
});

test('[B8] no value is in the findings', () => {
  const marker = 'hunter2zq8V';
  for (const text of [`A_KEY="${marker}`, `A=${marker} ${marker}=1`, `=${marker}`, `A=\${${marker}`, `A=$(${marker})`, `A="x\n${marker}=y\n"`, `A: ${marker}`, marker, `${marker}-${marker} = 1`, `A_SECRET=${marker}\nA_SECRET=${marker}`]) {
    const { findings, variables } = lint(text, { expectations: { schema: parseSchema(Buffer.from('A=')), example: new Map([['A_KEY', marker]]) } });
    const named = variables.map(({ name }) => name);
    expect(JSON.stringify(findings.map((finding) => ({ ...finding, name: undefined }))), text).not.toContain(marker);
    for (const { name } of findings) if (name !== undefined) expect([...named, 'A']).toContain(name);
  }
});

test('a large file takes its time, and no more', () => {
  const text = Array.from({ length: 500 }, (_, i) => `NAME_${i}="value ${i} #$x" # c\n`).join('');
  const { result, seconds } = measured(() => lint(text));
  expect(result.variables.filter((variable) => !isReadAlike(variable))).toHaveLength(500);
  expect(seconds).toBeLessThan(10);
});
