/** Whether a tenant's service is well, and waiting until it is. */
import { execFile } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';

import { SYSTEM_PATH } from '@lockfast/core/files';
import { shortDurationMs } from '@lockfast/core/formats';

import type { Tenant } from './fleet.ts';
import { runOf, type ServiceManager, type UnitState } from './systemd/service-manager.ts';

export interface Health {
  readonly well: boolean;
  /** What was found, for people: `active`, `HTTP 503`, `exit 1`. It holds no value of a variable. */
  readonly why: string;
}

/** What a command line may show of a tenant's variables: everybody on the machine can read it. */
const SHOWN = new Set(['PORT', 'HOST', 'DOMAIN']);

const USUAL_TIMEOUT_MS = 30_000;
const FIRST_PAUSE_MS = 100;
const LONGEST_PAUSE_MS = 1_000;
/** One question; a service that takes longer to answer is asked again. */
const LONGEST_PROBE_MS = 5_000;
/** A unit that is restarted again and again looks active in between: so long it must stay so. */
const STEADY_MS = 1_000;

export interface HealthProbe {
  readonly tenant: Tenant;
  /** undefined where there is no manager: then only `http` and `command` are asked. */
  readonly manager: ServiceManager | undefined;
  /** The tenant's variables, for the names in `http` and `command`. */
  readonly variables: ReadonlyMap<string, string>;
}

/** `30s`, `2m` in milliseconds; 30 seconds where none is configured. */
export function healthTimeout({ health: { timeout } }: Pick<Tenant, 'health'>): number {
  return shortDurationMs(timeout ?? '') ?? USUAL_TIMEOUT_MS;
}

/** One question, now. */
export async function probe(question: HealthProbe, signal?: AbortSignal): Promise<Health> {
  return healthIn(await stateOf(question), question, signal);
}

/** undefined where there is no unit to ask about. */
async function stateOf({ tenant, manager }: HealthProbe): Promise<UnitState | undefined> {
  return manager === undefined || tenant.service === undefined ? undefined : (await manager.states([tenant.service]))[0];
}

/** Unit first: what does not run can't answer. */
async function healthIn(state: UnitState | undefined, { tenant, variables }: HealthProbe, signal: AbortSignal | undefined): Promise<Health> {
  if (state !== undefined && state.load !== 'loaded') return { well: false, why: `unit ${state.load}` };
  if (state !== undefined && state.active !== 'active') return { well: false, why: state.active === 'failed' ? `failed (${state.result})` : state.active };
  const { http, command } = tenant.health;
  const filled = (text: string, may: (name: string) => boolean): string =>
    text.replaceAll(/\{([A-Za-z_][A-Za-z0-9_]*)\}/g, (whole, name: string) => (name === 'tenant' ? tenant.name : ((may(name) ? variables.get(name) : undefined) ?? whole)));
  if (http !== undefined) {
    const answer = await asked(filled(http, () => true), signal);
    if (!answer.well) return answer;
  }
  if (command !== undefined) {
    const words = command.map((text) => filled(text, (name) => SHOWN.has(name)));
    // Root runs it, and the tenant may have set the variable: its value is no option.
    if (words.some((word, i) => word.startsWith('-') && !command[i]!.startsWith('-'))) return { well: false, why: 'a variable in its health command begins with a dash' };
    const answer = await ran(words, signal);
    if (!answer.well) return answer;
  }
  return { well: true, why: http === undefined && command === undefined ? 'active' : 'well' };
}

/**
 * Asks until it is well and, for a unit alone, stays so for a second; or until its time is out, and then says the last answer.
 * A unit that failed for good ends it at once.
 */
export async function untilWell(question: HealthProbe, timeoutMs = healthTimeout(question.tenant)): Promise<Health> {
  const { http, command } = question.tenant.health;
  const bare = http === undefined && command === undefined;
  const end = performance.now() + timeoutMs;
  let steady: { readonly since: number; readonly run: string } | undefined;
  for (let pause = FIRST_PAUSE_MS; ; pause = Math.min(pause * 2, LONGEST_PAUSE_MS)) {
    const signal = AbortSignal.timeout(Math.ceil(Math.max(1, Math.min(LONGEST_PROBE_MS, end - performance.now()))));
    const state = await stateOf(question);
    const answer = await healthIn(state, question, signal);
    const now = performance.now();
    if (answer.well) {
      if (!bare || state === undefined) return answer;
      const run = runOf(state);
      if (steady?.run !== run) steady = { since: now, run };
      if (now - steady.since >= STEADY_MS) return answer;
      // Asked when the second is full, and no later.
      pause = Math.min(pause, STEADY_MS - (now - steady.since));
    } else {
      steady = undefined;
      if (answer.why.startsWith('failed (')) return answer;
    }
    if (now >= end) return answer.well ? { well: false, why: 'restarted again and again' } : answer;
    await sleep(Math.min(pause, Math.max(0, end - now)));
  }
}

async function asked(url: string, signal: AbortSignal | undefined): Promise<Health> {
  try {
    // A redirect is an answer of its own: to a login page, for example.
    const response = await fetch(url, { redirect: 'manual', ...(signal === undefined ? {} : { signal }) });
    await response.body?.cancel();
    return { well: response.ok, why: `HTTP ${response.status}` };
  } catch (error) {
    if (error instanceof TypeError && error.cause === undefined) return { well: false, why: 'its URL is not one' };
    return { well: false, why: 'no answer over HTTP' };
  }
}

function ran([program, ...args]: readonly string[], signal: AbortSignal | undefined): Promise<Health> {
  return new Promise((resolve) => {
    execFile(program ?? '', args, { env: { PATH: SYSTEM_PATH }, ...(signal === undefined ? {} : { signal }), killSignal: 'SIGKILL' }, (error) => {
      if (error === null) resolve({ well: true, why: 'exit 0' });
      else resolve({ well: false, why: typeof error.code === 'number' ? `exit ${error.code}` : error.code === 'ENOENT' ? 'the health command does not exist' : 'the health command did not end' });
    });
  });
}
