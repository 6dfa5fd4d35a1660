import { LockfastError } from '@lockfast/core/errors';
import { KeyRing, type LiveRing, parseRing, refuseOlderRing } from '@lockfast/core/keyring';

import { publishKept, publishReplaced } from './key-ring-news.ts';
import { openKeyRing, type OpenMode, readRingFile, type RingLocation } from './open-key-ring.ts';
import { refuseUnfitRing } from './production.ts';
import { keySource } from './sources.ts';
import type { Surroundings } from './surroundings.ts';

/** What came of a look: `refused` is published on the channel, and the ring in use stays. */
export type Refreshed = 'newer' | 'unchanged' | 'refused';

/** How often, in milliseconds, a value that no key opens may make it read the file: such a value may come with every request. */
const AGAIN_MS = 1000;

const MOST_OFTEN_MS = 100;
/** A day. */
const LEAST_OFTEN_MS = 86_400_000;

/** The ring's file, and how errors name it. */
interface Found {
  readonly text: string;
  readonly where: string;
}

/**
 * The key ring of an application that runs for longer than its keys. Columns take it in place of a `KeyRing`; a newer
 * version is used from their next operation on. It looks at the ring's file when {@link refresh} is called, at an interval
 * where one was given, and where a value names a key that it does not have.
 *
 * A version is taken that a start would take, of the same ring, and newer. That the key which it encrypts with anyway is marked
 * as compromised is no reason to stay without its successor. Whatever else lies there is refused: it is published once,
 * and the ring in use stays.
 */
export class LiveKeyRing implements LiveRing {
  readonly #location: RingLocation;
  readonly #around: Surroundings;
  readonly #mode: OpenMode | undefined;
  readonly #timer: NodeJS.Timeout | undefined;
  #ring: KeyRing;
  /** The text of the file that the ring came from: what has not changed is not opened again. */
  #text: string | undefined;
  /** The look that was asked for last, while it runs. */
  #looking: Promise<Refreshed> | undefined;
  #looked = -Infinity;
  /** The code of the refusal that was published last, until a look finds nothing to refuse. */
  #said: string | undefined;
  #closed = false;

  private constructor(ring: KeyRing, location: RingLocation, around: Surroundings, mode: OpenMode | undefined, everyMs: number | undefined) {
    this.#ring = ring;
    this.#location = location;
    this.#around = around;
    this.#mode = mode;
    this.#timer = everyMs === undefined ? undefined : setInterval(() => this.#refreshUnlessLooking(), everyMs).unref();
  }

  /** Use {@link openLiveKeyRing}. */
  static async open(location: RingLocation, around: Surroundings, mode: OpenMode | undefined, everyMs: number | undefined): Promise<LiveKeyRing> {
    if (everyMs !== undefined && !(Number.isInteger(everyMs) && everyMs >= MOST_OFTEN_MS && everyMs <= LEAST_OFTEN_MS)) {
      throw new LockfastError('usage', 'the interval at which the key ring is looked at is not usable', `give milliseconds from ${MOST_OFTEN_MS} to ${LEAST_OFTEN_MS}, 30_000 for example`);
    }
    return new LiveKeyRing(await openKeyRing(location, around, mode), location, around, mode, everyMs);
  }

  current(): KeyRing {
    return this.#ring;
  }

  /** Looks at the file: after a look that runs, which may have read it before it was replaced. It never rejects. After {@link close} it looks no more. */
  refresh(): Promise<Refreshed> {
    const looking = (this.#looking ?? Promise.resolve()).then(() => this.#look());
    this.#looking = looking;
    return looking.finally(() => {
      if (this.#looking === looking) this.#looking = undefined;
    });
  }

  /** A key source that does not answer must not make looks pile up. */
  #refreshUnlessLooking(): void {
    if (this.#looking === undefined) void this.refresh();
  }

  /**
   * As {@link LiveRing.lookAgain}, at most once a second. A decryption waits for nobody: where the ring has a new own key, which
   * takes a key source to open, the look goes on behind it, and later values find the newer ring.
   */
  lookAgain(): boolean {
    const now = performance.now();
    if (this.#closed || now - this.#looked < AGAIN_MS) return false;
    this.#looked = now;
    try {
      const found = this.#read();
      if (found === undefined) return false;
      const ring = this.#ring.versionIn(found.text, found.where);
      if (ring !== undefined) return this.#take(ring, found) === 'newer';
      this.#refreshUnlessLooking();
    } catch (error) {
      this.#refuse(error);
    }
    return false;
  }

  /** Looks no more. Columns go on with the ring that it has. */
  close(): void {
    this.#closed = true;
    clearInterval(this.#timer);
  }

  async #look(): Promise<Refreshed> {
    if (this.#closed) return 'unchanged';
    try {
      const found = this.#read();
      if (found === undefined) {
        this.#said = undefined;
        return 'unchanged';
      }
      const ring = this.#ring.versionIn(found.text, found.where) ?? (await KeyRing.open(found.text, found.where, this.#location.sources.map((uri) => keySource(uri, this.#around))));
      return this.#take(ring, found);
    } catch (error) {
      // A defect, too: a timer has nobody who would catch it, and the ring in use is whole.
      this.#refuse(error);
      return 'refused';
    }
  }

  /** @returns undefined where the file is as it was. @throws LockfastError as `readRingFile`; `wrong-environment`, `conflict` for another ring */
  #read(): Found | undefined {
    const found = readRingFile(this.#location.path, this.#around, this.#isProduction);
    if (found.text === this.#text) return undefined;
    refuseAnotherRing(found, this.#ring);
    return found;
  }

  /** @param ring opened: what it says of itself is authentic. @throws LockfastError `ring-older`, and as `refuseUnfitRing` */
  #take(ring: KeyRing, { text }: Found): Refreshed {
    // As it is now: another look may have taken a newer one while this one waited for a key source.
    const inUse = this.#ring.version;
    refuseOlderRing(ring.version, inUse, 'this application');
    const seen = this.#location.floor?.(inUse.ring);
    if (seen !== undefined) refuseOlderRing(ring.version, seen, 'this machine');
    const isNewer = ring.version.generation > inUse.generation;
    if (isNewer) {
      if (this.#isProduction) refuseUnfitRing(ring, this.#mode?.environment ?? 'production', this.#ring.active().id);
      // Columns would be made on it only to find that nothing encrypts.
      ring.active();
      this.#ring = ring;
    }
    this.#text = text;
    this.#said = undefined;
    if (isNewer) publishReplaced(ring);
    return isNewer ? 'newer' : 'unchanged';
  }

  #refuse(error: unknown): void {
    const said = error instanceof LockfastError ? error.code : 'internal';
    if (said === this.#said) return;
    this.#said = said;
    publishKept(error, this.#ring);
  }

  get #isProduction(): boolean {
    return this.#mode?.production === true;
  }
}

/**
 * Opens a key ring as `openKeyRing`, for an application that takes newer versions of it while it runs.
 *
 * @param everyMs how often the file is looked at; without it only when {@link LiveKeyRing.refresh} is called, and for values
 *   under an unknown key. The timer keeps no process alive
 * @throws LockfastError as `openKeyRing`; `usage` for an interval that is none
 */
export async function openLiveKeyRing(location: RingLocation, around: Surroundings, mode?: OpenMode, everyMs?: number): Promise<LiveKeyRing> {
  return LiveKeyRing.open(location, around, mode, everyMs);
}

/** Before any key is tried: the key of another environment's ring is none of this application's. @throws LockfastError `ring-malformed`, `unsupported-format`, `wrong-environment`, `conflict` */
function refuseAnotherRing({ text, where }: Found, ring: KeyRing): void {
  const found = parseRing(text, where);
  if (found.environment !== ring.environment) {
    throw new LockfastError('wrong-environment', `${where} is the key ring of ${found.environment} now, and this application runs on that of ${ring.environment}`, `put the key ring of ${ring.environment} back`);
  }
  if (found.ring !== ring.version.ring) {
    throw new LockfastError('conflict', `${where} is another key ring now than the one that this application started on`, 'put that one back; to go on with another ring, restart the application');
  }
}
