/** Options that several commands share, word for word. */
import { DIALECT_NAMES } from '@lockfast/core/env/dialects';

import type { Option } from '../command.ts';

export const TENANT: Option = { kind: 'text', value: 'NAME', help: 'the tenant that the file belongs to' };
export const DIALECT: Option = { kind: 'text', value: 'NAME', help: 'whose reading of the file to follow', choices: DIALECT_NAMES };
export const FILES: Option = { kind: 'list', value: 'FILE', help: 'an encrypted file; several are laid over each other (default: .env.encrypted)' };
/** For what only reads. */
export const BREAK_GLASS: Readonly<Record<string, Option>> = {
  'break-glass': { kind: 'flag', help: 'go on although the ledger can not be written; needs --reason' },
  reason: { kind: 'text', value: 'TEXT', help: 'with --break-glass: why it can not wait; it goes on record when the ledger is back' },
};
export const FILE: Option = { kind: 'text', value: 'FILE', help: 'the encrypted file (default: .env.encrypted)' };
