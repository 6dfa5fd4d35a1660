export { printAssignment, setVariable, unsetVariable } from './assignment.ts';
export { type Change, changesBetween } from './changes.ts';
export { type Entry, isPortableName, isVariableName, printEntries, splitEntries } from './document.ts';
export { checkHeader, encryptedAt, encryptEnvFile, type EnvEncryption, type EnvScope, type OpenedEnvFile, openEnvFile, plaintextOf } from './env-cipher.ts';
export { type FileHeader, isEncryptedFile, parseFile, parseNames, parseStart } from './encrypted-file.ts';
export { type EntryMerge, mergeEntries, mergeFiles, type Side } from './merge.ts';
export { ENCRYPTED_SUFFIX, isTemplateName, TEMPLATE_ENDINGS, USUAL_FILE } from './env-file-name.ts';
export {
  decryptFile,
  type Encryption,
  encryptFile,
  MOST_FILE_BYTES,
  type PlaintextFile,
  readEnvFile,
  readPlaintextFile,
  readHeader,
  readSummedHeader,
  isEncryptedAt,
  refuseNoPlaintext,
  replaceFile,
  updateEnvFile,
  type WriteScope,
} from './env-file.ts';
export { type FileOfTenant, type PreparedUpdate, prepareUpdate, reencryptFiles, type Update, updateEnvFiles } from './many-files.ts';
export { type EnvWarning, portabilityWarnings } from './portability.ts';
export { writtenRevision } from './written-revision.ts';
