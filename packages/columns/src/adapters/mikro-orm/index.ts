export { EncryptedHydrator } from './encrypted-hydrator.ts';
export { encryptedType, EncryptedType } from './encrypted-type.ts';
export { EncryptionSubscriber } from './encryption-subscriber.ts';
