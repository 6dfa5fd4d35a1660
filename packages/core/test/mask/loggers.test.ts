/** Where programs log: the real pino, a console, streams of Node, errors. */
import { Console } from 'node:console';
import { Readable, Writable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { inspect } from 'node:util';

import { maskConsole, maskedData, Masker, MaskTransform, pinoHooks, SensitiveNames } from '@lockfast/core/mask';
import { pino } from 'pino';
import { expect, test } from 'vitest';

const SECRET = 'zq-9931-"secret"-value';
const masker = new Masker([['API_KEY', SECRET]]);
const names = new SensitiveNames(['licence']);

class Lines extends Writable {
  text = '';
  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    this.text += chunk.toString();
    done();
  }
}

test('[S6] pino logs no secret: in message, object, error, child, serialiser', () => {
  const lines = new Lines();
  const log = pino({ hooks: pinoHooks(masker, names), base: null, timestamp: false, serializers: { req: (req: { url: string }) => ({ url: `${req.url}?k=${SECRET}` }) } }, lines);
  const failure = Object.assign(new Error(`refused ${SECRET}`, { cause: new Error(`because ${SECRET}`) }), { sql: `SELECT '${SECRET}'` });
  log.info(`plain ${SECRET}`);
  log.info('format %s and %j', SECRET, { deep: SECRET });
  log.info({ password: 'unknown-to-anybody', nested: { licence: 'also-unknown', list: [SECRET] }, ok: 1 }, 'object');
  log.error(failure);
  log.error({ err: failure }, 'with an error');
  log.child({ bound: SECRET }).warn('child');
  log.info({ req: { url: '/x' } }, 'serialised');
  expect(lines.text).not.toMatch(/zq-9931|unknown/);
  const parsed = lines.text.trimEnd().split('\n').map((line) => JSON.parse(line) as Record<string, unknown>);
  expect(parsed.map(({ msg }) => msg)).toEqual(['plain ***', 'format *** and {"deep":"***"}', 'object', 'refused ***: because ***', 'with an error', 'child', 'serialised'].map((msg, i) => (i === 3 ? parsed[3]!['msg'] : msg)));
  expect(parsed[2]).toMatchObject({ password: '***', nested: { licence: '***', list: ['***'] }, ok: 1 });
  expect(parsed[4]).toMatchObject({ err: { type: 'Error', message: expect.stringContaining('refused ***'), stack: expect.stringContaining('loggers.test.ts'), sql: "SELECT '***'" } });
  expect([parsed[5], parsed[6]]).toMatchObject([{ bound: '***' }, { req: { url: '/x?k=***' } }]);
});

test('[S6] an error keeps its class and loses its secrets, in every part of it', () => {
  class QueryError extends TypeError {
    readonly query = `SELECT ${SECRET}`;
    readonly details = { password: 'x', at: [SECRET, 5] };
  }
  const inner = new RangeError(`inner ${SECRET}`);
  const error = new AggregateError([new QueryError(`one ${SECRET}`), inner, `text ${SECRET}`], `all ${SECRET}`, { cause: inner });
  inner.cause = error;
  const masked = maskedData(error, masker, names) as AggregateError & { cause: Error };
  expect(inspect(masked, { depth: 9, showHidden: true })).not.toContain('9931');
  expect([masked instanceof AggregateError, masked.name, masked.message]).toEqual([true, 'AggregateError', 'all ***']);
  expect(masked.errors).toMatchObject([{ message: 'one ***', query: 'SELECT ***', details: { password: '***', at: ['***', 5] } }, { message: 'inner ***' }, 'text ***']);
  expect(masked.errors[0]).toBeInstanceOf(QueryError);
  expect(masked.cause.cause).toBe(masked);
  expect(error.message).toContain(SECRET);
});

test('[S6] data is copied, rings and all, and what has a nature of its own is left alone', () => {
  const ring: Record<string, unknown> = { text: SECRET, when: new Date(0), map: new Map([['password', 'x']]), set: new Set([SECRET]), bytes: Buffer.from(`a ${SECRET}`), none: null, [SECRET]: 1 };
  ring['self'] = ring;
  const copy = maskedData(ring, masker, names) as Record<string, unknown>;
  expect(copy).toMatchObject({ text: '***', when: new Date(0), map: new Map([['password', '***']]), set: new Set(['***']), bytes: '***', none: null, '***': '***' });
  expect(copy['self']).toBe(copy);
  expect(ring['text']).toBe(SECRET);
  expect(maskedData(JSON.parse('{"__proto__": {"token": "x"}}'), masker, names)).toEqual(JSON.parse('{"__proto__": {"token": "***"}}'));
});

test('[S6] a console prints no secret until it is brought back', () => {
  const [out, err] = [new Lines(), new Lines()];
  const own = new Console(out, err);
  const restore = maskConsole(own, masker, names);
  own.log('%s-%s', 'zq-9931', '"secret"-value', { token: 'x' });
  own.error(new Error(SECRET));
  own.dir({ deep: SECRET });
  own.table([{ a: SECRET }]);
  expect(out.text + err.text).not.toContain('9931');
  expect(out.text).toContain("*** { token: '***' }");
  restore();
  own.log(SECRET);
  expect(out.text).toContain(SECRET);
});

test('[B9] a stream of Node, also one that pauses', async () => {
  const pieces = async function* (): AsyncGenerator<Buffer> {
    yield Buffer.from('name? zq-9');
    await new Promise((resolve) => setTimeout(resolve, 200));
    yield Buffer.from('931-"secret"-value!');
  };
  expect((await buffer(Readable.from(pieces()).pipe(new MaskTransform(masker)))).toString()).toBe('name? ***!');
  expect((await buffer(Readable.from(pieces()).pipe(new MaskTransform(masker, 20)))).toString()).toBe('name? zq-9***!');
});
