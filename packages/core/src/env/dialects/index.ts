export { DIALECT_NAMES } from './dialect.ts';
export type { Dialect, EnvProblem, EnvReader, EnvReading } from './dialect.ts';
export { readEnv } from './readers.ts';
export { readK8s } from './k8s.ts';
export { EnvRefusal, refuseTooLarge } from './refusal.ts';
export { bareName, compareDialects, differingNames, nameLines } from './differences.ts';
export type { DialectComparison, Difference } from './differences.ts';
