/**
 * The guard file: what secret values look like, for machines that may not read them. `docs/formats/guard-file.md`
 * specifies it.
 */
import { timingSafeEqual } from 'node:crypto';

import { LockfastError } from '@lockfast/core/errors';
import { canonicalJson, type Json, parseJson } from '@lockfast/core/formats';

import type { GuardKey } from './guard-key.ts';
import type { GuardedValue, HashedNeedle, Unguardable } from './guarded-values.ts';
import { EXPOSED, WINDOWS } from './window-hash.ts';

const GUARD_FORMAT = 'lockfast-guard-1';

export interface GuardFile {
  /** 16 characters of base32; the key's file is called after it. */
  readonly id: string;
  readonly environment: string;
  /** The guard key, for whoever opens the key ring; null where it was not wrapped. */
  readonly wrapped: string | null;
  readonly values: readonly GuardedValue[];
  readonly unguardable: readonly Unguardable[];
}

/** As it was read. Its values are to be believed only when the key has proven them. */
export interface ReadGuardFile extends Pick<GuardFile, 'id' | 'environment' | 'wrapped'> {
  /** @throws LockfastError `wrong-key` where it is not what was written under this key */
  proven(key: GuardKey): GuardFile;
}

const MAC_BYTES = 16;

/** One value a line, so that a diff shows what came and went. */
export function printGuardFile(file: GuardFile, key: GuardKey): string {
  const body = bodyOf(file);
  const mac = macOf(body, key).toString('base64url');
  const { values, unguardable, ...head } = body;
  const lines = Object.entries({ ...head, mac }).map(([name, value]) => `  ${JSON.stringify(name)}: ${JSON.stringify(value)}`);
  const list = (name: string, items: readonly Json[]): string => `  ${JSON.stringify(name)}: [${items.map((item) => `\n    ${JSON.stringify(item)}`).join(',')}${items.length === 0 ? '' : '\n  '}]`;
  return `{\n${[...lines, list('unguardable', unguardable), list('values', values)].join(',\n')}\n}\n`;
}

/**
 * What stands in a guard file.
 *
 * @param where how errors name it
 * @throws LockfastError `malformed`, `unsupported-format`
 */
export function parseGuardFile(text: string, where: string): ReadGuardFile {
  const json = asObject(parsed(text, where));
  if (json === undefined) throw malformed(where);
  if (typeof json['format'] === 'string' && /^lockfast-guard-(?!1$)/.test(json['format'])) {
    throw new LockfastError('unsupported-format', `${where} is of a newer format`, 'use the newer Lockfast that wrote it');
  }
  const { id, environment, wrapped, mac, values, unguardable } = json;
  const file = {
    id: textIn(id),
    environment: textIn(environment),
    wrapped: wrapped === null ? null : textIn(wrapped),
    values: listIn(values)?.map(valueIn),
    unguardable: listIn(unguardable)?.map(unguardableIn),
  };
  if (json['format'] !== GUARD_FORMAT || !isWhole(file) || !/^[a-z2-7]{16}$/.test(file.id)) throw malformed(where);
  const proven = (key: GuardKey): GuardFile => {
    refuseForged(file, mac, key, where);
    return file;
  };
  return { id: file.id, environment: file.environment, wrapped: file.wrapped, proven };
}

type Body = Readonly<{ format: string; id: string; environment: string; wrapped: string | null; values: Json[]; unguardable: Json[] }>;

function bodyOf({ id, environment, wrapped, values, unguardable }: GuardFile): Body {
  return {
    format: GUARD_FORMAT,
    id,
    environment,
    wrapped,
    values: values.map(({ tenant, variable, state, since, until, needles }) => [tenant, variable, state, since, until ?? '', needles.map(({ form, length, windows, mac }) => [form, length, ...windows, mac.toString('base64url')])]),
    unguardable: unguardable.map(({ tenant, variable, why }) => [tenant, variable, why]),
  };
}

function macOf(body: Body, key: GuardKey): Buffer {
  return key.macs('file')(Buffer.from(canonicalJson(body as unknown as Json)));
}

/** Whoever could take a line out of it would make the guard blind for that value. */
function refuseForged(file: GuardFile, mac: Json | undefined, key: GuardKey, where: string): void {
  const given = macIn(mac);
  if (given !== undefined && timingSafeEqual(given, macOf(bodyOf(file), key))) return;
  throw new LockfastError('wrong-key', `${where} was altered, or it belongs to another guard key`, 'get it from git, and its key from whoever wrote it; `lockfast guard update` writes it anew where the key ring opens');
}

function parsed(text: string, where: string): Json {
  try {
    return parseJson(text);
  } catch {
    throw malformed(where);
  }
}

function valueIn(json: Json): GuardedValue | undefined {
  if (!Array.isArray(json) || json.length !== 6) return undefined;
  const [tenant, variable, state, since, until, needles] = json as Json[];
  const hashed = listIn(needles)?.map(needleIn);
  if (typeof tenant !== 'string' || typeof variable !== 'string' || typeof since !== 'string' || typeof until !== 'string') return undefined;
  if ((state !== 'live' && state !== 'retired') || hashed === undefined || !hashed.every((one) => one !== undefined)) return undefined;
  return { tenant, variable, state, since, until: until === '' ? undefined : until, needles: hashed };
}

function needleIn(json: Json): HashedNeedle | undefined {
  if (!Array.isArray(json) || json.length !== 3 + WINDOWS) return undefined;
  const [form, length, ...rest] = json as Json[];
  const windows = rest.slice(0, WINDOWS);
  const mac = macIn(rest[WINDOWS]);
  if (typeof form !== 'string' || typeof length !== 'number' || !Number.isSafeInteger(length) || length < EXPOSED || mac === undefined) return undefined;
  return windows.every((hash): hash is number => typeof hash === 'number' && (hash | 0) === hash) ? { form, length, offset: 0, windows, mac } : undefined;
}

function unguardableIn(json: Json): Unguardable | undefined {
  if (!Array.isArray(json) || json.length !== 3 || !json.every((one) => typeof one === 'string')) return undefined;
  const [tenant, variable, why] = json as [string, string, string];
  return { tenant, variable, why };
}

/** As it is written, and no other spelling of the same bytes. */
function macIn(json: Json | undefined): Buffer | undefined {
  const bytes = Buffer.from(typeof json === 'string' ? json : '', 'base64url');
  return bytes.length === MAC_BYTES && bytes.toString('base64url') === json ? bytes : undefined;
}

function textIn(value: Json | undefined): string | undefined {
  return typeof value === 'string' ? value : undefined;
}

function listIn(value: Json | undefined): readonly Json[] | undefined {
  return Array.isArray(value) ? (value as Json[]) : undefined;
}

function asObject(value: Json): Readonly<Record<string, Json>> | undefined {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Readonly<Record<string, Json>>) : undefined;
}

type Parts = { readonly [K in keyof GuardFile]: GuardFile[K] extends readonly (infer T)[] ? readonly (T | undefined)[] | undefined : GuardFile[K] | undefined };

function isWhole(file: Parts): file is GuardFile {
  return file.id !== undefined && file.environment !== undefined && file.wrapped !== undefined && file.values?.every((one) => one !== undefined) === true && file.unguardable?.every((one) => one !== undefined) === true;
}

function malformed(where: string): LockfastError {
  return new LockfastError('malformed', `${where} is no guard file`, 'get it from git, or write it anew: lockfast guard update');
}
