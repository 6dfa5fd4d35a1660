import type { Command } from '../command.ts';

/** A credential, wherever it stands. */
export const SECRET_COMMANDS: readonly Command[] = [];
