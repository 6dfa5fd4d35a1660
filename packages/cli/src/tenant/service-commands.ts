import type { Command } from '../command.ts';

/** Tenants and their services. */
export const SERVICE_COMMANDS: readonly Command[] = [];
