export { DIALECT_NAMES } from './dialect.ts';
export type { Dialect, EnvProblem, EnvReader, EnvReading } from './dialect.ts';
export { readEnv } from './readers.ts';
export { compareDialects, differingNames } from './differences.ts';
export type { DialectComparison, Difference } from './differences.ts';
