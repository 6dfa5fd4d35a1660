import type { EnvProblem, EnvReading } from './dialect.ts';
import { decodeLossy, decodeStrict } from './decoding.ts';
import { refusal, refuseTooLarge } from './refusal.ts';
import { GO_SPACE, skip } from './whitespace.ts';

/** `bufio.MaxScanTokenSize`. kubectl does not ask its scanner for an error: it silently stops reading before a longer line. */
const MAX_LINE_BYTES = 64 * 1024;

/** `validation.IsEnvVarName` and `IsConfigMapKey`, together. */
const KEY = /^(?!\.\.?$|\.\.)[-._a-zA-Z][-._a-zA-Z0-9]{0,252}$/;

/**
 * kubectl 1.32, `kubectl create secret generic --from-env-file` and `create configmap --from-env-file`: what a pod gets that
 * takes all of that Secret or ConfigMap (`envFrom`). A line is a line, as for docker: quotes, comments behind a value and
 * references mean nothing. Unlike docker it refuses a name that stands twice, and one that is no environment variable's.
 * A name without `=` is taken from the environment of kubectl; here that is `null`.
 *
 * @throws LockfastError `unreadable-env` for a file that is too large, a line that is not UTF-8, a name that no key of a Secret has, a name that stands twice
 */
export function readK8s(bytes: Uint8Array): EnvReading {
  refuseTooLarge(bytes, 'k8s');
  const variables = new Map<string, string | null>();
  const problems: EnvProblem[] = [];
  let start = 0;
  for (let number = 1; start < bytes.length; number++) {
    const feed = bytes.indexOf(0x0a, start);
    const end = feed === -1 ? bytes.length : feed;
    if (end - start >= MAX_LINE_BYTES) {
      problems.push({ line: number, reason: 'more than 64 KiB: kubectl reads nothing from here on' });
      break;
    }
    readLine(bytes.subarray(start, end), number, variables, problems);
    start = end + 1;
  }
  return { variables, problems };
}

function readLine(bytes: Uint8Array, number: number, variables: Map<string, string | null>, problems: EnvProblem[]): void {
  // Of UTF-8's byte order marks only that of the first line goes; an invalid line is refused, even where it is a comment.
  if (decodeStrict(bytes) === undefined) throw refusal('k8s', 'bytes that are not UTF-8', number);
  let text = decodeLossy(bytes);
  if (text.endsWith('\r')) text = text.slice(0, -1);
  if (number === 1 && text.startsWith('\uFEFF')) text = text.slice(1);
  const line = text.slice(skip(text, 0, GO_SPACE));
  if (line === '' || line.startsWith('#')) return;

  const equals = line.indexOf('=');
  const name = equals === -1 ? line : line.slice(0, equals);
  if (!KEY.test(name)) throw refusal('k8s', 'a name that no key of a Secret has', number);
  if (variables.has(name)) throw refusal('k8s', 'a name that stands in the file already', number);
  variables.set(name, equals === -1 ? null : line.slice(equals + 1));
  if (equals === -1) problems.push({ line: number, reason: 'a name without a value, which kubectl takes from its own environment' });
}
