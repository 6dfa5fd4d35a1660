import type { EnvProblem, EnvReading } from './dialect.ts';
import { decodeStrict, withoutByteOrderMark } from './decoding.ts';
import { refusal } from './refusal.ts';
import { GO_SPACE, skip } from './whitespace.ts';

/** `bufio.MaxScanTokenSize`: a line and its line feed must fit, or the scanner refuses the file. */
const MAX_LINE_BYTES = 64 * 1024;

/**
 * Docker CLI 28, `docker run --env-file` (pkg/kvfile). A line is a line: quotes, comments after a value and references mean
 * nothing. A name without `=` is taken from the environment of the client; here that is `null`, and an earlier value stands.
 *
 * @throws LockfastError `unreadable-env` for bytes that are not UTF-8, white space in a name, no name, or a line over 64 KiB
 */
export function readDocker(bytes: Uint8Array): EnvReading {
  refuseLongLines(bytes);
  const text = decodeStrict(bytes);
  if (text === undefined) throw refusal('docker', 'bytes that are not UTF-8');

  const variables = new Map<string, string | null>();
  const problems: EnvProblem[] = [];
  let number = 0;
  for (const raw of withoutByteOrderMark(text).split('\n')) {
    number++;
    const end = raw.endsWith('\r') ? raw.length - 1 : raw.length;
    const start = skip(raw, 0, GO_SPACE, end);
    if (start === end || raw.charAt(start) === '#') continue;

    const line = raw.slice(start, end);
    const equals = line.indexOf('=');
    const name = equals === -1 ? line : line.slice(0, equals);
    if (name === '') throw refusal('docker', 'no variable name', number);
    if (/[ \t]/.test(name)) throw refusal('docker', 'white space in a variable name', number);
    if (equals !== -1) {
      variables.set(name, line.slice(equals + 1));
    } else {
      if (!variables.has(name)) variables.set(name, null);
      problems.push({ line: number, reason: 'a name without a value, which docker takes from its own environment' });
    }
  }
  return { variables, problems };
}

function refuseLongLines(bytes: Uint8Array): void {
  let start = 0;
  for (let number = 1; start < bytes.length; number++) {
    const feed = bytes.indexOf(0x0a, start);
    const end = feed === -1 ? bytes.length : feed;
    if (end - start >= MAX_LINE_BYTES) throw refusal('docker', 'more than 64 KiB', number);
    start = end + 1;
  }
}
