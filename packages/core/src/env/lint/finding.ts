import type { Target } from '../dialects/index.ts';

/** What is wrong: the closed set. */
export const FINDING_KINDS = [
  // what programs make of the file
  'refused',
  'difference',
  'unread-line',
  'extra-variable',
  'nul',
  'not-utf-8',
  // what stands in it
  'missing',
  'empty',
  'duplicate',
  'unknown',
  'type',
  'placeholder',
  'weak',
  'example-value',
  'case',
  'white-space',
  // what it is measured by
  'schema',
] as const;
export type FindingKind = (typeof FINDING_KINDS)[number];

/** An `error` is wrong for a program that was asked for, or whatever reads it; a `warning` is likely to be; a `note` may be meant. */
export type Severity = 'error' | 'warning' | 'note';

export interface Finding {
  readonly kind: FindingKind;
  readonly severity: Severity;
  /** From 1. */
  readonly line?: number | undefined;
  readonly name?: string;
  /** Whom it is about, where it is not everybody. */
  readonly targets?: readonly Target[];
  /** A clause that quotes no value, no line and no name that may be a piece of a value. */
  readonly detail: string;
}

const ORDER: readonly Severity[] = ['error', 'warning', 'note'];

/** By severity, then as they stand in the file. */
export function inOrder(findings: readonly Finding[]): Finding[] {
  return findings.toSorted((a, b) => ORDER.indexOf(a.severity) - ORDER.indexOf(b.severity) || (a.line ?? 0) - (b.line ?? 0));
}
