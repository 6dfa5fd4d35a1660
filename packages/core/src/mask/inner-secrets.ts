/** Secrets inside a value: the password of a URL, the strings of a JSON document. They are shown without what is around them. */
import { decodedPart, passwordsOfUrlsIn } from '../url-password.ts';

/** `password=...`, in a connection string or a query. */
const PARAMETER = /(?:password|passwd|pwd|secret|token|signature|sig|accountkey|accesskey|api_?key)\s*=\s*("[^"]*"|'[^']*'|[^\s;&"']+)/gi;
/** What a JSON document is about, not what it keeps: `service_account`, `us-east-1`, and addresses. */
const PUBLIC = /^(?:[a-z]+(?:[_. -][a-z0-9]+)*|https?:\/\/[^@?]*|[^\s@]+@[^\s@]+)$/;
/** Members of a document, in any spelling: the widest of such lists, since nobody sees what was hidden too much. */
const SECRET_NAME = /pass|secret|token|key|credential|private|auth/i;
const LEAST_INNER_CHARACTERS = 8;
/** Deeper or more than this is no configuration. */
const MOST_DEPTH = 8;
const MOST_STRINGS = 200;

/** Each once, and none that is the value itself. */
export function innerSecrets(value: string): string[] {
  const found = new Set<string>();
  for (const password of passwordsOfUrlsIn(value)) addDecoded(password, found);
  for (const [, quoted] of value.matchAll(PARAMETER)) addDecoded(quoted!.replace(/^(["'])(.*)\1$/s, '$2'), found);
  if (/^\s*[{[]/.test(value)) addJson(value, found);
  found.delete(value);
  return [...found];
}

function addDecoded(text: string, found: Set<string>): void {
  found.add(text);
  found.add(decodedPart(text) ?? text);
}

function addJson(text: string, found: Set<string>): void {
  let document: unknown;
  try {
    document = JSON.parse(text);
  } catch {
    return;
  }
  let left = MOST_STRINGS;
  const visit = (value: unknown, name: string, depth: number): void => {
    if (typeof value === 'string') {
      if (left-- <= 0 || value.length < LEAST_INNER_CHARACTERS) return;
      if (SECRET_NAME.test(name) ? !/^https?:\/\/[^@?]*$/.test(value) : !PUBLIC.test(value)) found.add(value);
      for (const inner of /:\/\/|=/.test(value) ? innerSecrets(value) : []) found.add(inner);
    } else if (typeof value === 'object' && value !== null && depth < MOST_DEPTH) {
      for (const [key, one] of Object.entries(value)) visit(one, Array.isArray(value) ? name : key, depth + 1);
    }
  };
  visit(document, '', 0);
}
