/* The engine's types until it is merged. */
import type { ErrorCode } from '@lockfast/core/errors';
import type { KeyRing, Secret } from '@lockfast/core/keyring';
import type { AuditSink } from '@lockfast/core/ports';

import type { ColumnDatabase, ColumnTarget, RowKey, StoredRow } from './database.ts';

export interface FernetKey { readonly name: string; readonly key: Secret; readonly keyId?: string }
export interface DeclaredColumn extends ColumnTarget { readonly format: 'lfv1' | 'fernet'; readonly as: 'text' | 'bytes' | 'json'; readonly title?: string }
export class StoredValues { constructor(ring: KeyRing, declared: DeclaredColumn, fernetKeys: readonly FernetKey[]) { void ring; void declared; void fernetKeys; } classify(rows: readonly StoredRow[]): Standing[] { void rows; throw new Error('stub'); } }
export type Standing = { kind: 'null' } | { kind: 'plaintext' } | { kind: 'encrypted'; format: 'lfv1' | 'fernet'; key: string; created: number | undefined; current: boolean } | { kind: 'unreadable'; code: ErrorCode; keyId?: string };
export interface ReportedRow { readonly key: RowKey; readonly label: string | null; readonly what: 'changed' | 'conflict' | 'unreadable'; readonly code?: ErrorCode }
export type WaitingFor = 'replication-lag' | 'lock-waits';
export interface Progress { readonly id: string; readonly pass: number; readonly rows: number; readonly estimated: number; readonly changed: number; readonly waitingFor?: WaitingFor }
export interface Conversion { readonly direction: 'encrypt' | 'rotate' | 'decrypt'; readonly dryRun: boolean; readonly batch: number; readonly maxRate?: number; readonly signal?: AbortSignal; readonly audit?: AuditSink; readonly onRow?: (row: ReportedRow) => void; readonly onProgress?: (p: Progress) => void }
export interface ConversionReport { rows: number; null: number; plaintext: number; already: number; changed: number; conflicts: number; passes: number; unreadable: { count: number; first: { key: RowKey; label: string | null; code: ErrorCode }[] }; remaining: number; resumed: boolean; interrupted: boolean; verified: { rows: number; unreadable: number }; ms: number }
export declare function convertColumn(database: ColumnDatabase, declared: DeclaredColumn, values: StoredValues, what: Conversion): Promise<ConversionReport>;
export interface Census { readonly id: string; readonly rows: number; readonly null: number; readonly plaintext: number; readonly fernet: number; readonly keys: Readonly<Record<string, number>>; readonly unknown: number }
export declare function censusColumn(database: ColumnDatabase, declared: DeclaredColumn, ring: KeyRing): Promise<Census>;
export interface Survey extends Census { readonly unreadable: Readonly<Partial<Record<ErrorCode, number>>>; readonly oldest: number | undefined; readonly fernetKeys: Readonly<Record<string, number>>; readonly sampled: boolean }
export declare function surveyColumn(database: ColumnDatabase, declared: DeclaredColumn, values: StoredValues, what: { readonly sample?: number; readonly onProgress?: (rows: number, estimated: number) => void; readonly signal?: AbortSignal }): Promise<Survey>;
export interface TriagedRow { readonly key: RowKey; readonly label: string | null; readonly standing: Standing; readonly opens?: string }
export declare function triageColumn(database: ColumnDatabase, declared: DeclaredColumn, all: readonly { readonly declared: DeclaredColumn; readonly values: StoredValues }[]): AsyncIterable<TriagedRow>;
export declare function clearUnrecoverable(database: ColumnDatabase, declared: DeclaredColumn, values: StoredValues, what: { readonly keepAside: string; readonly dryRun: boolean; readonly audit?: AuditSink; readonly signal?: AbortSignal }): Promise<{ readonly rows: number; readonly cleared: number }>;
