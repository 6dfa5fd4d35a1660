/** The rules as one machine has them: the table, with what `[alerts.rules]` says otherwise. */
import { LockfastError } from '@lockfast/core/errors';
import { durationMs } from '@lockfast/core/formats';

import type { Rule } from './rule.ts';
import { RULE_NAMES, type RuleName, type RuleOverride, type Severity } from './rule-names.ts';
import { RULES } from './rules/table.ts';

export interface ActiveRule {
  readonly name: RuleName;
  readonly rule: Rule;
  readonly threshold: number;
  readonly windowMs: number;
  /** What was configured; it overrides what a sighting says of itself. */
  readonly severity: Severity | undefined;
}

/** Those that are enabled, in the order of the table. @throws LockfastError `config-invalid` for a threshold or window that the rule does not have */
export function activeRules(overrides: Readonly<Partial<Record<RuleName, RuleOverride>>>): readonly ActiveRule[] {
  return RULE_NAMES.flatMap((name) => {
    const rule: Rule = RULES[name];
    const { enabled = true, threshold, window, severity } = overrides[name] ?? {};
    if (threshold !== undefined && rule.threshold === undefined) throw invalid(name, 'threshold', rule);
    if (window !== undefined && rule.windowMs === undefined) throw invalid(name, 'window', rule);
    const windowMs = window === undefined ? (rule.windowMs ?? 0) : durationMs(window);
    if (windowMs === undefined) throw new LockfastError('config-invalid', `alerts.rules.${name}.window is no duration`, 'write it as 30m, 24h, 90d or 2w');
    return enabled ? [{ name, rule, threshold: threshold ?? rule.threshold ?? 1, windowMs, severity }] : [];
  });
}

function invalid(name: RuleName, setting: string, { threshold, windowMs }: Rule): LockfastError {
  const has = [...(threshold === undefined ? [] : ['threshold']), ...(windowMs === undefined ? [] : ['window']), 'severity', 'enabled'];
  return new LockfastError('config-invalid', `alerts.rules.${name} has no ${setting}`, `it takes: ${has.join(', ')}`);
}
