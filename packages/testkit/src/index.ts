export { BootedSystemd, type BootOptions, missingForSystemd, type RunOptions, type RunResult } from './booted-systemd.ts';
export { type CrashState, crashStates, type DiskEntry, type FileOperation, lastStates, layOutState, recordFileOperations } from './crash-states.ts';
export { type CutMoment, CuttingProxy } from './cutting-proxy.ts';
export {
  type Ended,
  type Fault,
  FAULTS,
  type FileCall,
  missingForTracing,
  type Place,
  runWithFault,
  strike,
  type Struck,
  traceFileCalls,
  type Traced,
  type Trial,
} from './faults.ts';
export { type MariadbServer, missingForMariadb, startMariadb } from './mariadb.ts';
export { memoryDirectory } from './memory-directory.ts';
export { isRoot, missingForMounting, mountSmallDisk } from './mounting.ts';
export { missingForStandby, startStandby } from './postgres-standby.ts';
export { missingForPostgres, type PostgresServer, startPostgres } from './postgres.ts';
export { type Protocol, ReplyEnd } from './reply-end.ts';
export type { Durability } from './server-process.ts';
export { PseudoTerminal, type TerminalEnd } from './terminal.ts';
export { type Naming, playTranscript, type Stage } from './transcript.ts';
