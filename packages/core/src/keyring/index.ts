export { openBackup } from './backup.ts';
export { type IndexKeyRecord, type IndexKeyState, isIndexName } from './index-key-record.ts';
export type { IndexKey, IndexKeys } from './index-keys.ts';
export { KEY_RING_CHANNEL, type KeyRingMessage } from './key-ring-channel.ts';
export { KeyRing, type LedgerKey, type RingVersion } from './key-ring.ts';
export { currentRing, isLive, type LiveRing, type RingInUse } from './live-ring.ts';
export { type KdfChoice, parseKdf, unwrapUnderPassphrase, USUAL_KDF, wrapUnderPassphrase } from './passphrase.ts';
export { isEnvironmentName, type KeyRecord, type KeyState, parseRing, type SourceRecord } from './ring-document.ts';
export { refuseOlderRing } from './ring-floor.ts';
export { type FernetKey, ringFernetKeys } from './ring-fernet-keys.ts';
export { generateRootKey, holdsRootKey, parseRootKey, rootKeyFingerprint } from './root-key.ts';
export {
  isRotationDue,
  nextRotationDate,
  parseDuration,
  type RotationCause,
  type RotationDates,
  type RotationDue,
  rotationDue,
  type Schedule,
  scheduleOf,
} from './schedule.ts';
export { Secret } from './secret.ts';
export { encodedTenant, isDestroyed, isTenantName, parseTenantRecord, type TenantRecord, type TenantSecretId } from './tenant-record.ts';
export { unwrapKey, wrapKey } from './wrapping.ts';
