/** What the property tests of env files are fed with. */
import fc from 'fast-check';

export const anyBytes: fc.Arbitrary<Uint8Array> = fc.uint8Array({ maxLength: 200 });

/** Pieces that decide something in some parser of env files. */
const PIECES = [
  'A', 'B', 'AB', 'a.b', 'x-y', '9', '_', 'export', 'export ', 'export\t', '=', '=', '=', ' = ', '"', '"', "'", '`', '\\', '\\"', '\\n', '\\\\',
  '\n', '\n', '\n', '\r\n', '\r', ' ', '\t', '#', ' # c', '$', '${A}', '$(x)', '\0', '\ufeff', '\u00a0', '\u2028', 'é', '😀', ':', ';', 'lfv1.', '{"a": 1}',
  'A=', 'B="', "C='", 'D=`', 'export E=', '"\n', "'\n", '=\n',
].map((piece) => Buffer.from(piece, 'utf8'));

/** Lines heavy in names, quotes, escapes and line endings; now and then a byte that is not UTF-8. */
export const envLikeBytes: fc.Arbitrary<Buffer> = fc
  .array(fc.oneof({ arbitrary: fc.constantFrom(...PIECES), weight: 30 }, { arbitrary: fc.uint8Array({ minLength: 1, maxLength: 3 }), weight: 1 }), { maxLength: 24 })
  .map((pieces) => Buffer.concat(pieces));

/** A whole, well-behaved file: comments, blank lines, quoted and bare values. */
export const orderlyFile: fc.Arbitrary<Buffer> = fc
  .tuple(
    fc.array(
      fc.oneof(
        fc.tuple(fc.constantFrom('A', 'B', 'C', 'D', 'E_F', 'g.h', 'I-J'), fc.constantFrom('', '1', 'two', "'a b'", '"multi\nline"', 'x=y==', '{"j":1}')).map(([name, value]) => `${name}=${value}\n`),
        fc.constantFrom('\n', '# one\n', '# two\n', 'export K=1\n', 'junk\n', '\r\n'),
      ),
      { maxLength: 12 },
    ),
    fc.boolean(),
  )
  .map(([lines, ended]) => Buffer.from(ended ? lines.join('') : lines.join('').replace(/\n$/, '')));
