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
