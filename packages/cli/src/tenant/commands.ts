import type { Command } from '../command.ts';

/** Tenants and their files. */
export const TENANT_COMMANDS: readonly Command[] = [];
