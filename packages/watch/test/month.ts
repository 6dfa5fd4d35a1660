/** A month of many tenants: people with habits, services, rotations, and incidents planted among them. */
import { type LedgerEntry, printEntry } from '@lockfast/ledger';

import type { Seen } from '../src/situation.ts';
import type { RuleName } from '../src/rule-names.ts';
import { DAY, HOUR, MINUTE } from './story.ts';

/** Something bad, and what must tell of it: in that time, about that tenant or person. */
export interface Incident {
  readonly rule: RuleName;
  /** A tenant, a person or another name that the alert's summary must have. */
  readonly about: string;
  readonly from: number;
  readonly until: number;
}

/** Entries of one hour, in the order of their times; an outcome names the entry that it ends by its place among all. */
export interface Planned {
  readonly time: number;
  readonly entry: LedgerEntry;
}

interface Deed {
  readonly operation: string;
  readonly tenant?: string;
  readonly object?: string;
  readonly keyId?: string;
  readonly outcome?: LedgerEntry['outcome'];
  readonly code?: string;
  readonly details?: LedgerEntry['details'];
}

export const DAYS = 30;
/** A Sunday. */
export const START = Date.UTC(2026, 2, 1);
/** From here on there is something to be unusual against. */
const LEARNT = START + 23 * DAY;
const PERSONS_PER_TENANTS = 25;
const OPERATORS = ['olga', 'omar', 'otto'];

/** mulberry32: small, and the same on every machine. */
function random(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

export class Month {
  readonly tenants: readonly string[];
  readonly incidents: Incident[] = [];
  readonly #planned: Planned[] = [];
  readonly #seen: { readonly from: number; readonly until: number; readonly seen: Partial<Seen> }[] = [];
  readonly #random: () => number;
  readonly #each: number;

  /** @param each how many incidents of each kind */
  constructor(tenants: number, each: number, seed: number) {
    this.tenants = Array.from({ length: tenants }, (_, n) => `t${String(n).padStart(4, '0')}.example.com`);
    this.#random = random(seed);
    this.#each = each;
    this.#life();
    this.#plant();
    this.#planned.sort((a, b) => a.time - b.time);
  }

  get planned(): readonly Planned[] {
    return this.#planned;
  }

  expects(person: string, tenant: string | undefined): boolean {
    return OPERATORS.includes(person) || person.startsWith('dev') || person === 'root' || person === 'app' || person === tenant;
  }

  seenAt(time: number): Partial<Seen> {
    const now = this.#seen.filter(({ from, until }) => from <= time && time < until).map(({ seen }) => seen);
    return { services: now.flatMap(({ services = [] }) => services), findings: now.flatMap(({ findings = [] }) => findings) };
  }

  #life(): void {
    for (let day = 0; day < DAYS; day += 1) {
      const midnight = START + day * DAY;
      const works = ![0, 6].includes(new Date(midnight).getUTCDay());
      this.tenants.forEach((tenant, n) => {
        // A release or a reboot now and then, at any hour.
        if (this.#chance(0.5)) this.#start(tenant, midnight + this.#within(DAY));
        if (works && this.#chance(0.25)) this.#session(this.#developer(n, day), tenant, midnight);
        if (works && this.#chance(0.02)) this.#session(this.#pick(OPERATORS), tenant, midnight);
        // A wrong directory, a file half copied.
        if (works && this.#chance(0.02)) this.#typo(this.#developer(n, day), tenant, this.#morning(midnight));
        if (this.#chance(0.2)) this.#do(midnight + this.#within(DAY), 'app', 'node', { operation: 'decrypt', object: `${tenant}/users.totp`, details: { values: 200 } });
      });
      // Somebody works late, once a week.
      if (day % 7 === 3) this.#session(this.#developer(day, day), this.tenants[day % this.tenants.length]!, midnight + 9 * HOUR);
    }
    // Each Sunday night a rotation, and all services with it.
    for (const day of [7, 21]) {
      const night = START + day * DAY + 2 * HOUR + 5 * MINUTE;
      this.#do(night, 'root', 'lockfast key rotate', { operation: 'key-rotate', object: `r${day}` });
      this.tenants.forEach((tenant, n) => {
        this.#do(night + 1000 + n * 5, 'root', 'lockfast key rotate', { operation: 're-encrypt', tenant });
        this.#start(tenant, night + 10 * MINUTE + n * 100);
      });
    }
    this.#do(START + 22 * DAY + 2 * HOUR, 'root', 'lockfast key retire', { operation: 'key-retire', object: 'ring', keyId: 'oldkey' });
  }

  /** Those of a tenant: two share it, one is away for twelve days, and a new one comes on the fifteenth. */
  #developer(tenant: number, day: number): string {
    const team = Math.floor(tenant / PERSONS_PER_TENANTS);
    if (team === 0 && day >= 15 && this.#chance(0.3)) return 'dev-new';
    const away = team === 1 && day >= 8 && day < 20;
    return this.#chance(0.6) && !away ? `dev-${team}a` : `dev-${team}b`;
  }

  #plant(): void {
    for (let i = 0; i < this.#each; i += 1) {
      const at = (): number => LEARNT + this.#within((DAYS - 24) * DAY);
      this.#incident('failed-decrypts', at(), (tenant, time) => {
        for (let n = 0; n < 3; n += 1) this.#do(time + n * 9 * MINUTE, 'dev-0a', 'lockfast env get', { operation: 'decrypt', tenant, outcome: 'failure', code: 'moved-or-altered' });
      });
      this.#incident('decrypts-without-encrypt', at(), (tenant, time) => {
        for (let n = 0; n < 9; n += 1) this.#do(time + n * 9 * MINUTE, 'olga', 'lockfast env get', { operation: 'decrypt', tenant });
      });
      this.#incident('unexpected-user', at(), (tenant, time) => this.#do(time, 'mallory', 'lockfast env get', { operation: 'decrypt', tenant }));
      this.#incident('key-missing', at(), (tenant, time) => this.#do(time, tenant, 'lockfast run', { operation: 'decrypt', tenant, outcome: 'failure', code: 'source-unavailable' }));
      this.#incident('failed-start', at(), (tenant, time) => this.#do(time, tenant, 'lockfast run', { operation: 'decrypt', tenant, outcome: 'failure', code: 'damaged' }));
      this.#incident('break-glass', at(), (tenant, time) => this.#do(time, 'olga', 'lockfast env get', { operation: 'break-glass', tenant }));
      this.#incident('retired-key-used', at(), (tenant, time) => this.#do(time, tenant, 'lockfast run', { operation: 'decrypt', tenant, keyId: 'oldkey' }));
      // Somebody of another team, in the middle of a morning.
      this.#incident('unusual-actor', at(), (tenant, time) => this.#do(this.#morning(Math.floor(time / DAY) * DAY), `dev-${(Math.floor(this.tenants.indexOf(tenant) / PERSONS_PER_TENANTS) + 2) % Math.ceil(this.tenants.length / PERSONS_PER_TENANTS)}a`, 'lockfast env get', { operation: 'decrypt', tenant }), DAY);
      this.#incident('open-intent', at(), (tenant, time) => void this.#planned.push({ time, entry: this.#entry(time, 'dev-0a', 'lockfast env set', { operation: 'encrypt', tenant }, 'intent') }));
      this.#incident('restarts-since-rotation', at(), (tenant, time) => {
        this.#do(time, 'root', 'lockfast secret rotate', { operation: 'secret-rotate', object: tenant });
        for (let n = 0; n < 8; n += 1) this.#start(tenant, time + 2 * MINUTE + n * 4 * MINUTE);
      });
      const tenantSeen = (rule: RuleName, seen: (tenant: string) => Partial<Seen>): void => {
        this.#incident(rule, at(), (tenant, time) => void this.#seen.push({ from: time, until: time + 3 * HOUR, seen: seen(tenant) }));
      };
      const finding = (tenant: string, kind: 'plaintext' | 'not-encrypted' | 'mode'): Seen['findings'] => [{ tenant, path: `/srv/${tenant}/.env`, kind, detail: 'not as it should be', hint: 'look', repair: undefined }];
      const service = (tenant: string, active: string): Seen['services'] => [{ tenant, unit: `${tenant}.service`, active, sub: 'dead', restarts: 0 }];
      tenantSeen('service-failed', (tenant) => ({ services: service(tenant, 'failed') }));
      tenantSeen('encrypted-file-missing', (tenant) => ({ findings: finding(tenant, 'not-encrypted') }));
      tenantSeen('plaintext-while-down', (tenant) => ({ findings: finding(tenant, 'plaintext'), services: service(tenant, 'inactive') }));
      tenantSeen('plaintext-found', (tenant) => ({ findings: finding(tenant, 'plaintext') }));
      tenantSeen('permission-drift', (tenant) => ({ findings: finding(tenant, 'mode') }));
      const when = at();
      // Not on a tenant, but by a person.
      const one = (rule: RuleName, about: string, time: number, deed: () => void): void => {
        deed();
        this.incidents.push({ rule, about, from: time, until: time + HOUR });
      };
      const person = `dev-${i}a`;
      one('key-operation-refused', person, when, () => this.#do(when, person, 'lockfast key rotate', { operation: 'key-rotate', object: 'r', outcome: 'refused', code: 'not-permitted' }));
      const noon = LEARNT + i * 3 * HOUR + 12 * HOUR + (new Date(LEARNT).getUTCDay() === 0 ? DAY : 0);
      one('root-key-outside-window', 'omar', noon, () => this.#do(noon, 'omar', 'lockfast key rewrap', { operation: 'key-rewrap', object: 'ring' }));
      const burst = LEARNT + this.#within(5 * DAY);
      one('decrypt-failure-burst', 'failed decrypts in a short time', burst, () => {
        for (let n = 0; n < 7; n += 1) this.#do(burst + n * 20_000, 'app', 'node', { operation: 'decrypt', object: `${this.tenants[(i * 7 + n) % this.tenants.length]}/users.totp`, outcome: 'failure', code: 'wrong-key', details: { values: 0, failed: 1 } });
      });
      // Only the first time it is unusual.
      if (i < this.tenants.length / PERSONS_PER_TENANTS && i < 20) {
        const team = i;
        const tenant = this.tenants[team * PERSONS_PER_TENANTS]!;
        const at3 = LEARNT + DAY * (1 + (i % 5)) + HOUR + 7 * MINUTE;
        one('unusual-hour', `dev-${team}a`, at3, () => this.#do(at3, `dev-${team}a`, 'lockfast env get', { operation: 'decrypt', tenant }));
      }
    }
  }

  /** On a tenant that has no other one near. */
  #incident(rule: RuleName, time: number, plant: (tenant: string, time: number) => void, lasts = 3 * HOUR): void {
    const tenant = this.#pick(this.tenants);
    if (this.incidents.some((one) => one.about === tenant && Math.abs(one.from - time) < DAY)) return this.#incident(rule, time, plant, lasts);
    plant(tenant, time);
    const from = lasts === DAY ? Math.floor(time / DAY) * DAY : time;
    this.incidents.push({ rule, about: tenant, from, until: from + lasts });
  }

  /** Looks at a few values, and changes one. */
  #session(person: string, tenant: string, midnight: number): void {
    let time = this.#morning(midnight);
    for (let n = 0; n < 1 + this.#within(2.99); n += 1) this.#do((time += MINUTE + this.#within(5 * MINUTE)), person, 'lockfast env get', { operation: 'decrypt', tenant });
    if (this.#chance(0.7)) this.#do(time + MINUTE, person, 'lockfast env set', { operation: 'encrypt', tenant });
  }

  #typo(person: string, tenant: string, time: number): void {
    this.#do(time, person, 'lockfast env get', { operation: 'decrypt', tenant, outcome: 'failure', code: 'wrong-tenant' });
    if (this.#chance(0.3)) this.#do(time + MINUTE, person, 'lockfast env get', { operation: 'decrypt', tenant, outcome: 'failure', code: 'wrong-tenant' });
  }

  #start(tenant: string, time: number): void {
    this.#do(time, tenant, 'lockfast run', { operation: 'decrypt', tenant });
  }

  #do(time: number, user: string, program: string, deed: Deed): void {
    this.#planned.push({ time, entry: this.#entry(time, user, program, deed, 'event') });
  }

  #entry(time: number, user: string, program: string, { tenant, object = `/srv/${tenant}/.env.encrypted`, outcome = 'success', ...deed }: Deed, kind: 'event' | 'intent'): LedgerEntry {
    return { v: 1, kind, time: new Date(Math.round(time)).toISOString(), actor: { user, uid: 1000, host: 'h', pid: 7, program }, environment: 'production', object, ...(tenant === undefined ? {} : { tenant }), ...deed, ...(kind === 'intent' ? {} : { outcome }) };
  }

  #morning(midnight: number): number {
    return midnight + 8 * HOUR + this.#within(8 * HOUR);
  }

  #within(ms: number): number {
    return Math.floor(this.#random() * ms);
  }

  #chance(share: number): boolean {
    return this.#random() < share;
  }

  #pick<T>(list: readonly T[]): T {
    return list[Math.floor(this.#random() * list.length)]!;
  }
}

/** Sundays from two to four. */
export function isMaintenance(time: number): boolean {
  const date = new Date(time);
  return date.getUTCDay() === 0 && date.getUTCHours() >= 2 && date.getUTCHours() < 4;
}

export function printed(planned: readonly Planned[]): Buffer[] {
  return planned.map(({ entry }) => printEntry(entry));
}
