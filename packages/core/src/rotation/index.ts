export { KeptFiles, type KeptFile, type KeptManifest, MANIFEST_FORMAT } from './kept-files.ts';
export { needsWork, newRotation, type RingHolder, type RootSteps, rotate, type RotationFile, type RotationPlace, type RotationRequest } from './rotate.ts';
export { newRotationId, openRotation, readRotations, type RootChange, type RotationRecord, type RotationStatus, type UnfinishedFile } from './rotation-record.ts';
export { type KeyUsage, refuseUnlessUnused, type SweptFile, sweepUsage, type UnreadFile, type Usage } from './usage.ts';
