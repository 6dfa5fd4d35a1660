/** All rules, by the name that `[alerts.rules]` and alerts have for them. A new one is a file beside this one, and a row. */
import type { Rule } from '../rule.ts';
import type { RuleName } from '../rule-names.ts';
import { backupMissing, restoreDrillMissing } from './backups.ts';
import { breakGlass } from './break-glass.ts';
import { channelDead } from './channel.ts';
import { decryptFailureBurst, failedDecrypts } from './decrypt-failures.ts';
import { decryptsWithoutEncrypt } from './decrypts-without-encrypt.ts';
import { damagedFile, encryptedFileMissing, permissionDrift, plaintextFound, plaintextWhileDown } from './files.ts';
import { secretInGit } from './git.ts';
import { keyMissing, keyOperationRefused, retiredKeyUsed, rootKeyOutsideWindow } from './key-operations.ts';
import { ledgerCut, ledgerUnavailable, openIntent, witnessSilent } from './ledger.ts';
import { migrationFinished } from './migration.ts';
import { rotationDue, rotationOverdue } from './rotation-schedule.ts';
import { failedStart, restartsSinceRotation, serviceFailed } from './services.ts';
import { unexpectedUser, unusualActor, unusualHour } from './unexpected-access.ts';

export const RULES: Readonly<Record<RuleName, Rule>> = {
  'failed-decrypts': failedDecrypts,
  'decrypt-failure-burst': decryptFailureBurst,
  'decrypts-without-encrypt': decryptsWithoutEncrypt,
  'unexpected-user': unexpectedUser,
  'unusual-actor': unusualActor,
  'unusual-hour': unusualHour,
  'break-glass': breakGlass,
  'root-key-outside-window': rootKeyOutsideWindow,
  'key-operation-refused': keyOperationRefused,
  'key-missing': keyMissing,
  'retired-key-used': retiredKeyUsed,
  'service-failed': serviceFailed,
  'failed-start': failedStart,
  'restarts-since-rotation': restartsSinceRotation,
  'encrypted-file-missing': encryptedFileMissing,
  'plaintext-while-down': plaintextWhileDown,
  'plaintext-found': plaintextFound,
  'damaged-file': damagedFile,
  'secret-in-git': secretInGit,
  'permission-drift': permissionDrift,
  'migration-finished': migrationFinished,
  'rotation-due': rotationDue,
  'rotation-overdue': rotationOverdue,
  'backup-missing': backupMissing,
  'restore-drill-missing': restoreDrillMissing,
  'open-intent': openIntent,
  'ledger-cut': ledgerCut,
  'ledger-unavailable': ledgerUnavailable,
  'witness-silent': witnessSilent,
  'channel-dead': channelDead,
};
