/** Client of C2SP tlog-witness: `add-checkpoint`. */
import { LockfastError } from '@lockfast/core/errors';

import { parseVerifierKey, verifyNote, type VerifierKey } from '../signed-note.ts';
import { contradiction } from './advance.ts';
import type { Receipt, Submission, Witness } from './witness.ts';

const PATIENCE_MS = 15_000;

/** One signature line has about 150 bytes. */
const MOST_ANSWER_BYTES = 16 * 1024;

/** What a witness may name as its size: it went ahead between two of our requests. */
const TRIES = 4;

interface Answer {
  readonly status: number;
  readonly body: string;
}

/** A witness of its own host, that signs what it has seen. It believes nothing: each step comes with its proof. */
export class HttpWitness implements Witness {
  readonly name: string;
  readonly warning = undefined;
  /** The protocol has no way to ask. */
  readonly readable = false;
  readonly #endpoint: URL;
  readonly #key: VerifierKey;
  readonly #patienceMs: number;

  /**
   * @param prefix the submission prefix, as the configuration has it
   * @param key its verifier key, as `lockfast ledger witness serve` prints it
   * @throws LockfastError `config-invalid`
   */
  constructor(prefix: string, key: string, patienceMs: number = PATIENCE_MS) {
    this.#endpoint = endpoint(prefix);
    this.name = `the witness ${this.#endpoint.origin}`;
    this.#key = cosigner(key);
    this.#patienceMs = patienceMs;
  }

  async newest(): Promise<undefined> {}

  async submit(submission: Submission): Promise<Receipt> {
    // What it holds is its own to say: the first answer is mostly 409, with the size to prove from.
    let old = 0;
    for (let tries = 1; tries <= TRIES; tries += 1) {
      const proof = old === 0 || old === submission.size ? [] : await submission.prove(old);
      const { status, body } = await this.#post(`old ${old}\n${proof.map((hash) => `${Buffer.from(hash).toString('base64')}\n`).join('')}\n${submission.note}`);
      if (status === 200) return { size: submission.size, cosignatures: this.#cosignatures(submission.note, body) };
      if (status !== 409) throw this.#refusal(status, old);
      const size = /^(?:0|[1-9][0-9]{0,15})\n$/.test(body) ? Number(body) : Number.NaN;
      if (!Number.isSafeInteger(size)) throw this.#failed('answered a conflict without its size', 'check that the URL is one of a C2SP tlog-witness');
      if (size > submission.size) return { size, cosignatures: '' };
      // The same size, and yet a conflict: another root.
      if (size === old && size === submission.size) throw contradiction(this.name, size);
      old = size;
    }
    throw this.#failed('says another size each time that it is asked', 'run it again while no other machine pushes');
  }

  /** Only lines of the key that is configured, each verified; the others are nobody's. */
  #cosignatures(note: string, body: string): string {
    const lines = body.split(/(?<=\n)/).filter((line) => {
      try {
        return verifyNote(note + line, [this.#key]).length > 0;
      } catch {
        return false;
      }
    });
    if (lines.length === 0) throw this.#failed('answered without a valid cosignature of its key', 'compare the key in lockfast.toml with the one that the witness prints at its start');
    return lines.join('');
  }

  async #post(body: string): Promise<Answer> {
    try {
      const response = await fetch(this.#endpoint, {
        method: 'POST',
        body,
        headers: { 'content-type': 'text/plain; charset=utf-8' },
        // Another host would be another witness.
        redirect: 'manual',
        signal: AbortSignal.timeout(this.#patienceMs),
      });
      return { status: response.status, body: await bounded(response) };
    } catch (error) {
      if (error instanceof LockfastError) throw error;
      const late = error instanceof Error && error.name === 'TimeoutError';
      throw this.#failed(late ? `did not answer within ${this.#patienceMs / 1000} s` : 'can not be reached', 'see that it runs, and that its port is open to this machine');
    }
  }

  #refusal(status: number, old: number): LockfastError {
    switch (status) {
      case 403:
        return this.#failed('does not accept the key that signed the checkpoint', 'put the public key of this ledger into its origins file: see `lockfast ledger witness list`');
      case 404:
        return this.#failed('does not know this ledger', 'add it to its origins file: see `lockfast ledger witness list`; and check the URL');
      case 422:
        return contradiction(this.name, old);
      default:
        return this.#failed(`answered with the status ${status}`, status >= 300 && status < 400 ? 'configure the address that it redirects to' : 'see its log');
    }
  }

  #failed(what: string, hint: string): LockfastError {
    return new LockfastError('witness-failed', `${this.name} ${what}`, hint);
  }
}

async function bounded(response: Response): Promise<string> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of response.body ?? []) {
    bytes += chunk.length;
    // Leaving the loop cancels the stream.
    if (bytes > MOST_ANSWER_BYTES) throw new LockfastError('witness-failed', `the witness ${new URL(response.url).origin} answered with more than ${MOST_ANSWER_BYTES} bytes`, 'check that the URL is one of a C2SP tlog-witness');
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

function endpoint(prefix: string): URL {
  const url = URL.parse(prefix);
  if (url === null || !/^https?:$/.test(url.protocol) || url.username !== '' || url.password !== '' || url.search !== '' || url.hash !== '') {
    throw new LockfastError('config-invalid', 'the http of a witness is no plain http or https URL', 'write it as https://HOST:PORT, with nothing behind the path');
  }
  return new URL(`${url.href.replace(/\/+$/, '')}/add-checkpoint`);
}

function cosigner(text: string): VerifierKey {
  try {
    const key = parseVerifierKey(text);
    if (key.kind === 'cosignature') return key;
  } catch {
    // Said below, without the text.
  }
  throw new LockfastError('config-invalid', 'the key of a http witness is no verifier key of a witness', 'copy it as `lockfast ledger witness serve` prints it');
}
