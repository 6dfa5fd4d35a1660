export { DIALECT_NAMES, TARGET_NAMES } from './dialect.ts';
export type { Dialect, EnvProblem, EnvReader, EnvReading, Target } from './dialect.ts';
export { readEnv } from './readers.ts';
export { readK8s } from './k8s.ts';
export { EnvRefusal } from './refusal.ts';
export { bareName, compareDialects, differingNames, nameLines } from './differences.ts';
export type { DialectComparison, Difference } from './differences.ts';
