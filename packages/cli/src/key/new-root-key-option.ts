import type { Option } from '../command.ts';

/** Apart from what makes the key: the table of commands is loaded with every start. */
export const NEW_KEY_OUT: Option = { kind: 'text', value: 'FILE', help: 'where the new root key goes, mode 0400 (default: a new file under ~/.config/lockfast)' };
