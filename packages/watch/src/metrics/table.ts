/** Every metric, once: its name for Prometheus, and the one for OpenTelemetry. */
export interface Metric {
  readonly name: string;
  /** As OpenTelemetry's semantic conventions spell names; the unit is UCUM's. */
  readonly otel: string;
  readonly unit: string;
  readonly type: 'counter' | 'gauge' | 'histogram';
  readonly help: string;
}

export const METRICS = {
  operations: { name: 'lockfast_operations_total', otel: 'lockfast.operations', unit: '{operation}', type: 'counter', help: 'What was done, by operation, tenant and outcome' },
  failures: { name: 'lockfast_failures_total', otel: 'lockfast.failures', unit: '{failure}', type: 'counter', help: 'What failed or was refused, by code' },
  keyErrors: { name: 'lockfast_key_errors_total', otel: 'lockfast.key.errors', unit: '{failure}', type: 'counter', help: 'Failures of keys and their configuration, by code' },
  failedStarts: { name: 'lockfast_failed_starts_total', otel: 'lockfast.start.failures', unit: '{start}', type: 'counter', help: 'Programs that were not started, since their secrets could not be opened' },
  columnValues: { name: 'lockfast_column_values_total', otel: 'lockfast.column.values', unit: '{value}', type: 'counter', help: 'Values of columns that applications encrypted and decrypted, by operation and outcome' },
  columnRows: { name: 'lockfast_column_rows', otel: 'lockfast.column.rows', unit: '{row}', type: 'gauge', help: 'Rows of columns by key, plaintext, Fernet and unknown, as the last `lockfast column status` counted them' },
  rotationDuration: { name: 'lockfast_rotation_duration_seconds', otel: 'lockfast.rotation.duration', unit: 's', type: 'histogram', help: 'How long rotations took that came to their end' },
  keys: { name: 'lockfast_keys', otel: 'lockfast.keys', unit: '{key}', type: 'gauge', help: 'Keys of the ring, by state' },
  files: { name: 'lockfast_files', otel: 'lockfast.files', unit: '{file}', type: 'gauge', help: 'Encrypted env files, by key' },
  values: { name: 'lockfast_values', otel: 'lockfast.values', unit: '{value}', type: 'gauge', help: 'Values in encrypted env files, by key' },
  rotationDue: { name: 'lockfast_rotation_due_timestamp_seconds', otel: 'lockfast.rotation.due', unit: 's', type: 'gauge', help: 'When the next rotation is due' },
  backup: { name: 'lockfast_backup_timestamp_seconds', otel: 'lockfast.backup.time', unit: 's', type: 'gauge', help: 'When the last recovery backup was written' },
  ledgerEntries: { name: 'lockfast_ledger_entries', otel: 'lockfast.ledger.entries', unit: '{entry}', type: 'gauge', help: 'Entries of the ledger' },
  ledgerUp: { name: 'lockfast_ledger_up', otel: 'lockfast.ledger.up', unit: '1', type: 'gauge', help: '1 when the ledger can be read and takes entries' },
  openIntents: { name: 'lockfast_ledger_open_intents', otel: 'lockfast.ledger.open_intents', unit: '{entry}', type: 'gauge', help: 'What was announced and has no outcome yet' },
  witnessedEntries: { name: 'lockfast_ledger_witnessed_entries', otel: 'lockfast.ledger.witnessed.entries', unit: '{entry}', type: 'gauge', help: 'Entries that a witness holds the root of' },
  witnessed: { name: 'lockfast_ledger_witnessed_timestamp_seconds', otel: 'lockfast.ledger.witnessed.time', unit: 's', type: 'gauge', help: 'When a witness was last seen to have all there was, or something new' },
  alerts: { name: 'lockfast_alerts_open', otel: 'lockfast.alerts.open', unit: '{alert}', type: 'gauge', help: 'Open alerts that nobody acknowledged, by severity' },
  alertsByRule: { name: 'lockfast_rule_alerts_open', otel: 'lockfast.rule.alerts.open', unit: '{alert}', type: 'gauge', help: 'Open alerts that nobody acknowledged, by rule' },
  waiting: { name: 'lockfast_alert_messages_waiting', otel: 'lockfast.alert.messages.waiting', unit: '{message}', type: 'gauge', help: 'What is to be told on a channel and was not yet' },
  deliveries: { name: 'lockfast_alert_deliveries_total', otel: 'lockfast.alert.deliveries', unit: '{delivery}', type: 'counter', help: 'Tries to tell, by channel and outcome' },
  lastRound: { name: 'lockfast_watch_last_round_timestamp_seconds', otel: 'lockfast.watch.last_round', unit: 's', type: 'gauge', help: 'When the watch last looked' },
} as const satisfies Readonly<Record<string, Metric>>;
