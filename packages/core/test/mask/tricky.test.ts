/** Forms in which secrets turn up, each cut at every place and fed byte by byte. */
import { inspect } from 'node:util';

import { Masker } from '@lockfast/core/mask';
import { describe, expect, test } from 'vitest';

import { maskedHoweverCut } from './cut.ts';

const TOKEN = 'tok-7Hq/2+xV?9&k"zé';
const PEM = ['-----BEGIN PRIVATE KEY-----', 'MC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g', 'Ag3tT2lqBq0pXcVbE9aQ', '-----END PRIVATE KEY-----'].join('\n');
const wrapped = (text: string, width: number, joint: string): string => text.match(new RegExp(`.{1,${width}}`, 'g'))!.join(joint);
const LONG = 'correct horse battery staple, and then some more of it, until base64 has three lines of it and a rest';
const base64 = (text: string): string => Buffer.from(text).toString('base64');
const shiftedBase64 = (before: string, text: string): string => base64(`${before}${text}`);
const percentAll = (text: string): string => Array.from(Buffer.from(text), (byte) => `%${byte.toString(16).padStart(2, '0').toUpperCase()}`).join('');

/** What is left of the last character of base64 that the secret has only a part in, and the padding. */
const REST = '[A-Za-z0-9+/_=-]{0,5}';

describe('[B9] [S6] a secret is masked, and nothing else, however its text is cut', () => {
  test.each<[what: string, secrets: readonly string[], text: string, masked: string | RegExp]>([
    ['as it is', ['s3cret-value'], 'a s3cret-value b', 'a *** b'],
    ['with letters of several bytes', ['pässwörd-ß'], 'ü pässwörd-ß ü', 'ü *** ü'],
    ['one that another begins with', ['abcdefgh', 'abcdefghijkl'], 'abcdefgh! abcdefghijkl! abcdefghijk!', '***! ***! ***ijk!'],
    ['two that overlap', ['overlap-left-', 'left-and-right'], 'x overlap-left-and-right y', 'x *** y'],
    ['a tower of them', ['abcdefgh', 'cdefghij', 'xxabcdefghijyy'], '1 xxabcdefghijyy 2 xxabcdefghijy 3', '1 *** 2 xx***y 3'],
    ['two side by side', ['first-one-1', 'second-one-2'], '<first-one-1second-one-2>', '<***>'],
    ['one that overlaps itself', ['aaaaaaaa'], 'b aaaaaaaaaaa b aaaaaaa b', 'b *** b aaaaaaa b'],
    ['base64, each alignment', [TOKEN], `${base64(TOKEN)} ${shiftedBase64('1', TOKEN)} ${shiftedBase64('12', TOKEN)}`, new RegExp(String.raw`^\*\*\* ..?\*\*\*${REST} ...?\*\*\*${REST}$`)],
    ['base64, with more behind it', [TOKEN], base64(`12345${TOKEN}678`), new RegExp(String.raw`^MTIzNDV?.?\*\*\*${REST}[A-Za-z0-9]+=*$`)],
    ['base64url without padding', [TOKEN], Buffer.from(TOKEN).toString('base64url'), /^\*\*\*.?$/],
    ['base64 in lines of 64', [LONG], `${wrapped(base64(LONG), 64, '\n')}\n`, '***\n'],
    ['base64 in lines of 76, CR LF', [LONG], `${wrapped(base64(LONG), 76, '\r\n')}\r\n`, '***\r\n'],
    ['base64 twice', [TOKEN], base64(base64(TOKEN)), new RegExp(String.raw`^\*\*\*${REST}$`)],
    ['a Basic header', ['hunter2-hunter2'], `Authorization: Basic ${base64('deploy:hunter2-hunter2')}`, new RegExp(String.raw`^Authorization: Basic ZGVwbG95.{0,2}\*\*\*${REST}$`)],
    ['hex, lower and upper case', [TOKEN], `${Buffer.from(TOKEN).toString('hex')} 0x${Buffer.from(TOKEN).toString('hex').toUpperCase()}`, '*** 0x***'],
    ['hex with colons', [TOKEN], Buffer.from(TOKEN).toString('hex').toUpperCase().match(/../g)!.join(':'), '***'],
    ['a printed Buffer', [TOKEN], inspect(Buffer.from(TOKEN)), '<Buffer ***>'],
    ['a printed Buffer that was cut', [LONG], inspect(Buffer.from(LONG)), '<Buffer *** ... 51 more bytes>'],
    ['a Buffer as JSON', [TOKEN], JSON.stringify(Buffer.from(TOKEN)), '{"type":"Buffer","data":[***]}'],
    ['percent-encoded', [TOKEN], `?q=${encodeURIComponent(TOKEN)}&r=${encodeURIComponent(TOKEN).toLowerCase()}`, '?q=***&r=***'],
    ['percent-encoded, a plus for a space', ['two words & more'], new URLSearchParams({ q: 'two words & more' }).toString(), 'q=***'],
    ['percent-encoded twice', [TOKEN], encodeURIComponent(encodeURIComponent(TOKEN)), '***'],
    ['percent-encoded, every byte', [TOKEN], percentAll(TOKEN), '***'],
    ['JSON', ['line 1\n"quoted"\\/é'], JSON.stringify({ a: 'line 1\n"quoted"\\/é' }), '{"a":"***"}'],
    ['JSON as PHP writes it', ['a/b/c/d/é/f'], String.raw`"a\/b\/c\/d\/\u00e9\/f"`, '"***"'],
    ['JSON as Go writes it', ['<a>&</a><b>'], String.raw`"\u003ca\u003e\u0026\u003c/a\u003e\u003cb\u003e"`, '"***"'],
    ['JSON in JSON', ['say "hello" \\ twice'], JSON.stringify(JSON.stringify({ a: 'say "hello" \\ twice' })), String.raw`"{\"a\":\"***\"}"`],
    ['a shell, in single quotes', ["it's a secret"], String.raw`echo 'it'\''s a secret'`, "echo '***'"],
    ['a shell, in $-quotes', ["it's\na secret"], String.raw`echo $'it\'s\na secret'`, "echo $'***'"],
    ['a shell, bare', ['a b$c;d&e'], String.raw`echo a\ b\$c\;d\&e`, 'echo ***'],
    ['a doubled dollar', ['pa$$word$1'], 'X: pa$$$$word$$1', 'X: ***'],
    ['XML', [`a<b>&"c'd`], '<v>a&lt;b&gt;&amp;&quot;c&#39;d</v>', '<v>***</v>'],
    ['YAML in single quotes', ["it's a secret"], "key: 'it''s a secret'", "key: '***'"],
    ['util.inspect', ["it's \"both\" \n 1"], inspect({ a: "it's \"both\" \n 1" }), /^\{ a: .\*\*\*. \}$/],
    ['Python repr of bytes', ['pässwörd-ß'], String.raw`b'p\xc3\xa4ssw\xc3\xb6rd-\xc3\x9f'`, "b'***'"],
    ['a PEM key', [PEM], `key:\n${PEM}\n`, 'key:\n***\n'],
    ['a PEM key, CR LF', [PEM], PEM.replaceAll('\n', '\r\n'), '***'],
    ['a PEM key, CR CR LF', [PEM], PEM.replaceAll('\n', '\r\r\n'), '***'],
    ['a PEM key in one line', [PEM], PEM.replaceAll('\n', ' '), '***'],
    [String.raw`a PEM key with \n`, [PEM], PEM.replaceAll('\n', String.raw`\n`), '***'],
    ['one line of a PEM key', [PEM], `12: ${PEM.split('\n')[1]}`, '12: ***'],
    ['indented lines', [PEM], PEM.split('\n').map((line) => `    ${line}`).join('\n'), '    -----BEGIN PRIVATE KEY-----\n    ***\n    ***\n    -----END PRIVATE KEY-----'],
    ['the password of a URL that is the secret', ['postgres://app:p%40ss-w0rd!@db:5432/app'], 'password p@ss-w0rd! or p%40ss-w0rd!', 'password *** or ***'],
    ['a URL whose password is the secret', ['p@ss-w0rd'], 'postgres://app:p%40ss-w0rd@db/app postgres://app:p@ss-w0rd@db/app', 'postgres://app:***@db/app postgres://app:***@db/app'],
    ['a password in a connection string', ['Server=db;User=app;Password=zebra-9931;'], 'login failed with zebra-9931', 'login failed with ***'],
    ['the values in a JSON secret', [JSON.stringify({ type: 'service_account', private_key: PEM, nested: [{ token: 'abc-9931-def' }] })], `service_account abc-9931-def ${PEM.split('\n')[2]}`, 'service_account *** ***'],
    ['a short one, only as a word', ['qwe123'], 'qwe123 xqwe123 qwe1234 (qwe123) _qwe123 qwe123', '*** xqwe123 qwe1234 (***) _qwe123 ***'],
    ['in other case', ['Mixed-Case-1'], 'MIXED-CASE-1 mixed-case-1', '*** ***'],
    ['the other normal form', ['café-über-1'], `${'café-über-1'.normalize('NFD')} ${'café-über-1'.normalize('NFC')}`, '*** ***'],
    ['UTF-16', ['s3cret-value'], Buffer.from('-s3cret-value-', 'utf16le').toString('latin1'), '-\0***-\0'],
    ['without the space around it', [' s3cret-value\n'], 'a s3cret-value b', 'a *** b'],
    ['cut short', ['Zk3vQ9w1Lx7Tn5Rb2Hc8Yd4M'], 'Zk3vQ9w1Lx7Tn5R... ...n5Rb2Hc8Yd4M', '***... ...***'],
    ['in a path, a statement, a stack', ['s3cret-value'], "/tmp/s3cret-value.txt SELECT 's3cret-value' at f (s3cret-value:1)", "/tmp/***.txt SELECT '***' at f (***:1)"],
    ['old and new', ['old-s3cret-1', 'new-s3cret-2'], 'old-s3cret-1 -> new-s3cret-2', '*** -> ***'],
    ['the beginning of one, at the end', ['s3cret-value'], 'last words: s3cret', 'last words: ***'],
    ['five bytes of one, at the end', ['s3cret-value'], 'last words: s3cre', 'last words: s3cre'],
    ['a mask in the text', ['s3cret-value'], '*** s3cret-value***s3cret-value', '*** *********'],
    // What has nothing of a secret passes as it is.
    ['nothing', ['s3cret-value'], 'nothing of it: s3cret_value', 'nothing of it: s3cret_value'],
  ])('%s', (_what, secrets, text, masked) => {
    const masker = new Masker(secrets.map((secret, i) => [`S${i}`, secret]));
    const out = maskedHoweverCut(masker, text);
    if (typeof masked === 'string') expect(out).toBe(masked);
    else expect(out).toMatch(masked);
  });
});

test('[B9] what is masked once more is as it was', () => {
  const masker = new Masker([['A', 's3cret-value'], ['B', '********'], ['C', 'qwe123']]);
  const once = masker.text('qwe123 s3cret-value s3cret-values3cret-value *** ******** qwe123');
  expect(once).toBe('*** *** *** *** ******** ***');
  expect(masker.text(once)).toBe(once);
});

test('[B9] two streams have a state each', () => {
  const masker = new Masker([['A', 's3cret-value']]);
  const [out, err] = [masker.stream(), masker.stream()];
  const answers = [out.write(Buffer.from('s3cret')), err.write(Buffer.from('-value')), out.write(Buffer.from('-value')), err.write(Buffer.from('.')), out.end(), err.end()];
  expect(answers.map((answer) => Buffer.from(answer).toString())).toEqual(['', '-value', '***', '.', '', '']);
});

test('[B9] a prompt is shown though it could still become a secret, and the rest of one is masked', () => {
  const stream = new Masker([['A', 'Name: Joan-of-Arc']]).stream();
  const shown = (bytes: Uint8Array): string => Buffer.from(bytes).toString();
  expect(shown(stream.write(Buffer.from('your Name')))).toBe('your ');
  expect(shown(stream.pause())).toBe('Name');
  expect(shown(stream.write(Buffer.from(': Joan-of')))).toBe('');
  expect(shown(stream.pause())).toBe('***');
  expect(shown(stream.write(Buffer.from('-Arc.')))).toBe('.');
  expect(shown(stream.end())).toBe('');
});

test('[B9] a secret may be added while a stream flows', () => {
  const masker = new Masker();
  const stream = masker.stream();
  const shown = (bytes: Uint8Array): string => Buffer.from(bytes).toString();
  expect(shown(stream.write(Buffer.from('s3cret-value ')))).toBe('s3cret-value ');
  masker.add('A', 'other-value-1');
  expect(shown(stream.write(Buffer.from('s3cret-value other-')))).toBe('s3cret-value ');
  masker.add('B', 's3cret-value');
  // What is held back is known to the new ones, too.
  masker.add('C', 'other-fish-9');
  expect(shown(stream.write(Buffer.from('fish-9 s3cret-value other-value-1')))).toBe('*** *** ***');
});

test('[S6] what can not be masked is told by name alone', () => {
  const masker = new Masker([
    ['PIN', '12345'], ['DEBUG', 'true'], ['MODE', 'Production'], ['LIMIT', '3600000'], ['EMPTY', ''], ['SELF', 'OTHER_NAME'], ['OTHER_NAME', 's3cret-value'], ['STARS', '*******'],
  ]);
  expect(masker.notMasked).toEqual([
    { name: 'PIN', reason: 'short' }, { name: 'DEBUG', reason: 'short' }, { name: 'MODE', reason: 'common' }, { name: 'LIMIT', reason: 'number' }, { name: 'SELF', reason: 'name' }, { name: 'STARS', reason: 'asterisks' },
  ]);
  const text = '12345 true production 3600000 OTHER_NAME *******';
  expect(masker.text(text)).toBe(text);
});

test.each([
  ['colours inside it', 's3cret\u001b[31m-value'],
  ['a line break of a terminal inside it', 's3cret\r\n-value'],
  ['one character at a time with others between', Array.from('s3cret-value').join(' ')],
  ['backwards', Array.from('s3cret-value').toReversed().join('')],
])('[B9] what the guide says is not found: %s', (_what, text) => {
  expect(new Masker([['A', 's3cret-value']]).text(text)).toBe(text);
});
