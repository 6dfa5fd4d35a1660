/** What may be set of rules, without the rules: `lockfast.toml` is checked at every start of every command. */
export const SEVERITIES = ['information', 'warning', 'critical'] as const;
export type Severity = (typeof SEVERITIES)[number];

export const RULE_NAMES = [
  'failed-decrypts',
  'decrypt-failure-burst',
  'decrypts-without-encrypt',
  'unexpected-user',
  'unusual-actor',
  'unusual-hour',
  'break-glass',
  'root-key-outside-window',
  'key-operation-refused',
  'key-missing',
  'retired-key-used',
  'service-failed',
  'failed-start',
  'restarts-since-rotation',
  'encrypted-file-missing',
  'plaintext-while-down',
  'plaintext-found',
  'damaged-file',
  'secret-in-git',
  'permission-drift',
  'migration-finished',
  'rotation-due',
  'rotation-overdue',
  'backup-missing',
  'restore-drill-missing',
  'open-intent',
  'ledger-cut',
  'ledger-unavailable',
  'witness-silent',
  'channel-dead',
] as const;
export type RuleName = (typeof RULE_NAMES)[number];

/** What `[alerts.rules.NAME]` says of one rule. */
export interface RuleOverride {
  readonly enabled?: boolean;
  readonly threshold?: number;
  /** As written, for example `1h`. */
  readonly window?: string;
  readonly severity?: Severity;
}
