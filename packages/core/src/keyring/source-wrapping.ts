/** The ring's own key RK, wrapped by key sources: one record a wrapping. */
import { type ErrorCode, LockfastError } from '../errors.ts';
import { lengthPrefixed } from '../formats/length-prefix.ts';
import type { KeySource } from '../ports.ts';
import { MOST_SOURCES, type RingDocument, type SourceRecord } from './ring-document.ts';
import type { Secret } from './secret.ts';

/** What a wrapping of RK is bound to. */
type Scope = Pick<RingDocument, 'ring' | 'environment'>;

/**
 * One record for each source. One of a URI that `known` names keeps the date that it was added on.
 *
 * @throws what a source's `wrap` throws
 */
export async function wrapBySources(
  ringKey: Secret,
  scope: Scope,
  sources: readonly KeySource[],
  now: string,
  known: readonly SourceRecord[] = [],
): Promise<SourceRecord[]> {
  return Promise.all(
    sources.map(async (source) => ({
      source: source.uri,
      added: known.findLast((record) => record.source === source.uri)?.added ?? now,
      wrapped: await source.wrap(ringKey, bindingOf(scope)),
    })),
  );
}

/**
 * Tries each source on each record of its scheme: what opens is found by opening, for paths differ between machines.
 *
 * @throws LockfastError of the source that says most
 */
export async function unwrapBySources(document: RingDocument, sources: readonly KeySource[]): Promise<Secret> {
  const failures: LockfastError[] = [];
  for (const source of sources) {
    const scheme = schemeOf(source.uri);
    const records = document.sources
      .filter((record) => schemeOf(record.source) === scheme || isRootKeyInBoth(schemeOf(record.source), scheme))
      // Its own first: another one's may cost a second, or a question.
      .toSorted((a, b) => Number(b.source === source.uri) - Number(a.source === source.uri));
    if (records.length === 0) {
      failures.push(new LockfastError('wrong-key', `the key ring has no key source of the kind ${scheme}:`, 'see the sources that it names'));
    }
    for (const record of records) {
      try {
        return await source.unwrap(record.wrapped, bindingOf(document));
      } catch (error) {
        if (!(error instanceof LockfastError)) throw error;
        failures.push(error);
        if (WITHOUT_KEY.has(error.code)) break;
      }
    }
  }
  throw worst(failures);
}

/** @throws LockfastError `usage` */
export function refuseTooManySources(count: number): void {
  if (count <= MOST_SOURCES) return;
  throw new LockfastError('usage', `the key ring has ${MOST_SOURCES} key sources, as many as it may have`, 'remove one with `lockfast key source remove`');
}

export function noSource(): LockfastError {
  return new LockfastError('source-unavailable', 'no key source is named', 'set key-source in lockfast.toml or LOCKFAST_KEY_SOURCE');
}

/** The source has nothing to try other records with. */
const WITHOUT_KEY: ReadonlySet<ErrorCode> = new Set(['source-unavailable', 'invalid-key', 'invalid-share', 'terminal-needed']);

/** One root key may be kept in a file here, in a variable there and as a credential elsewhere. */
const ROOT_KEY_SCHEMES: ReadonlySet<string> = new Set(['file', 'env', 'credential']);

function isRootKeyInBoth(a: string, b: string): boolean {
  return ROOT_KEY_SCHEMES.has(a) && ROOT_KEY_SCHEMES.has(b);
}

function schemeOf(uri: string): string {
  return uri.slice(0, uri.indexOf(':'));
}

/** An altered ring says more than a wrong key, and a wrong key more than a source that is not there. */
function worst(failures: readonly LockfastError[]): LockfastError {
  for (const code of ['moved-or-altered', 'malformed', 'parameters-out-of-range']) {
    const found = failures.find((failure) => failure.code === code);
    if (found !== undefined) return found;
  }
  const wrong = failures.filter(({ code }) => code === 'wrong-key');
  if (wrong.length === 0) return failures[0] ?? noSource();
  // A source tries several records and says the same of each.
  const messages = new Set(wrong.map(({ message }) => message));
  return messages.size === 1 ? wrong[0]! : new LockfastError('wrong-key', [...messages].join('; '), wrong[0]!.hint);
}

function bindingOf({ ring, environment }: Scope): Buffer {
  return lengthPrefixed(['lockfast/ring', ring, environment]);
}
