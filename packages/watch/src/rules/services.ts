/** Services that do not start, or not for long. */
import { isStart } from '../ledger-event.ts';
import { NONE, type Rule, type Sighting } from '../rule.ts';
import { countWithin, type RuleMemory } from '../rule-memory.ts';

const DAY_MS = 86_400_000;

export const serviceFailed: Rule = {
  what: "a tenant's service failed to start, or ended badly",
  severity: 'critical',
  look: ({ services }) =>
    services
      .filter(({ active, sub }) => active === 'failed' || sub === 'auto-restart')
      .map(({ tenant, unit, active, sub }) => ({ cause: unit, tenant, summary: `${unit} ${active === 'failed' ? 'failed' : 'fails, and is started again and again'}`, hint: `see why: journalctl -u ${unit}`, state: sub === 'auto-restart' ? sub : active })),
  take: ({ operation, outcome, object, tenant, code, seq }) =>
    operation === 'service-restart' && outcome === 'failure' ? [{ cause: object, tenant, summary: `${object} was restarted and was not well (${code ?? 'no code'})`, hint: `see why: journalctl -u ${object}`, seq }] : NONE,
};

export const failedStart: Rule = {
  what: 'a program was not started, since its secrets could not be opened',
  severity: 'warning',
  threshold: 1,
  windowMs: 3_600_000,
  take: (event, { memory, threshold, windowMs }) => {
    const { outcome, operation, tenant, object, code, seq, time } = event;
    if (!isStart(event) || operation !== 'decrypt' || outcome === 'success') return NONE;
    const holder = tenant ?? object;
    if (countWithin(memory, holder, time, windowMs, threshold) < threshold) return NONE;
    memory.delete(holder);
    return [{ cause: holder, tenant, summary: `${holder} was not started (${code ?? outcome})`, hint: 'run lockfast doctor as its account', seq }];
  },
};

/** In memory: `rotation`: the last one; `start TENANT`: starts since it; `restarts UNIT`: the counter when it was first seen after it, and which rotation that was. */
export const restartsSinceRotation: Rule = {
  what: 'a service started so often within the window after a rotation',
  severity: 'warning',
  threshold: 4,
  windowMs: DAY_MS,
  rememberMs: (windowMs) => 2 * windowMs,
  take: (event, { memory, threshold, windowMs }) => {
    const { operation, outcome, tenant, time, seq } = event;
    if ((operation === 'key-rotate' || operation === 'secret-rotate') && outcome === 'success') memory.set('rotation', [time]);
    const rotation = memory.get('rotation')?.[0];
    if (rotation === undefined || tenant === undefined || !isStart(event) || operation !== 'decrypt' || time - rotation > windowMs) return NONE;
    const count = countWithin(memory, `start ${tenant}`, time, time - rotation, threshold);
    if (count < threshold) return NONE;
    memory.delete(`start ${tenant}`);
    return [sighting(tenant, tenant, count, rotation, seq)];
  },
  look: ({ services, now }, { memory, threshold, windowMs }) => {
    const rotation = memory.get('rotation')?.[0];
    if (rotation === undefined || now - rotation > windowMs) return NONE;
    return services.flatMap(({ tenant, unit, restarts }) => {
      const since = restarts - baseline(memory, unit, restarts, rotation);
      return since < threshold ? [] : [sighting(unit, tenant, since, rotation, undefined)];
    });
  },
};

/** A counter that went back began anew: somebody started the unit. */
function baseline(memory: RuleMemory, unit: string, restarts: number, rotation: number): number {
  const [known, at] = memory.get(`restarts ${unit}`) ?? [];
  if (known !== undefined && at === rotation && known <= restarts) return known;
  memory.set(`restarts ${unit}`, [restarts, rotation]);
  return restarts;
}

function sighting(cause: string, tenant: string, count: number, rotation: number, seq: number | undefined): Sighting {
  return { cause, tenant, summary: `${cause} was started ${count} times since the rotation of ${new Date(rotation).toISOString().slice(0, 16)}Z`, hint: `see whether it takes the new value: journalctl; back with lockfast secret rollback`, ...(seq === undefined ? {} : { seq }) };
}
