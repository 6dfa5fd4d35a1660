export { checkpointSize } from './checkpoint-file.ts';
export { withCosignatures } from './cosigned-note.ts';
export { openWitness, type WitnessSettings, type WitnessSurroundings } from './kinds.ts';
export { originLine, witnessVerifierKey } from './log-key.ts';
export { type Origins, parseOrigins } from './origins.ts';
export { startWitnessServer, type WitnessServer } from './server.ts';
export { submissionOf } from './submission.ts';
export { openWitnessKey, type WitnessKey } from './witness-key.ts';
export type { Receipt, Submission, Witness } from './witness.ts';
