import { EnvRefusal, type EnvProblem, readEnv, readK8s, type Target } from '../dialects/index.ts';
import { isPortableName } from '../document.ts';

/** What arrives at a program. */
export interface TargetReading {
  readonly variables: ReadonlyMap<string, string | null>;
  readonly problems: readonly EnvProblem[];
  /** Why nothing of the file is read; then there are no variables. */
  readonly refusal: { readonly line: number | undefined; readonly reason: string } | undefined;
}

/** As `readEnv`, but a refusal is an answer, and a name that the service manager drops is not there. */
export function readAs(bytes: Uint8Array, target: Target): TargetReading {
  try {
    const { variables, problems } = target === 'k8s' ? readK8s(bytes) : readEnv(bytes, target);
    return { variables: target === 'systemd' ? portable(variables) : variables, problems, refusal: undefined };
  } catch (error) {
    if (!(error instanceof EnvRefusal)) throw error;
    return { variables: new Map(), problems: [], refusal: { line: error.line, reason: error.reason } };
  }
}

function portable(variables: ReadonlyMap<string, string | null>): ReadonlyMap<string, string | null> {
  return new Map([...variables].filter(([name]) => isPortableName(name)));
}

/** What a target makes of one name. */
export type Outcome =
  | { readonly kind: 'value'; readonly value: string }
  /** Named without a value, which the program takes from elsewhere. */
  | { readonly kind: 'inherited' }
  | { readonly kind: 'unset' }
  | { readonly kind: 'refused' };

export function outcomeOf(reading: TargetReading, name: string): Outcome {
  if (reading.refusal !== undefined) return { kind: 'refused' };
  const value = reading.variables.get(name);
  if (value === undefined) return { kind: 'unset' };
  return value === null ? { kind: 'inherited' } : { kind: 'value', value };
}

export function sameOutcome(a: Outcome, b: Outcome): boolean {
  return a.kind === b.kind && (a.kind !== 'value' || b.kind !== 'value' || a.value === b.value);
}
