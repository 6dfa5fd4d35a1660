/** A project with tenants: what all share is encrypted, and two variables are generated or required of each. */
import { lstatSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

import { initialisedProject, type Project } from './project.ts';

export const SHARED_CANARY = 'sk-shared-canary-31c9';
/** What no file may hold, but for the plaintext that a test puts there. */
export const CANARY = 'tenant-canary-5d0f';

const TENANTS = `
[tenants]
path = "tenants/{tenant}"
extends = "shared/defaults.env.encrypted"
required = ["OPENAI_API_KEY", "PORT", "SECRET_KEY"]
generated = ["SECRET_KEY"]
`;


/** Removed when the test ends. @param settings further ones, for the end of the file */
export async function tenantProject(settings = ''): Promise<Project> {
  const project = await initialisedProject();
  project.write('lockfast.toml', `${project.text('lockfast.toml')}${TENANTS}${settings}`, 0o644);
  project.write('shared/defaults.env', `OPENAI_API_KEY=${SHARED_CANARY}\nLEVEL=info\n`);
  const { status, stderr } = await project.run(['env', 'encrypt', 'shared/defaults.env']);
  if (status !== 0) throw new Error(stderr);
  return project;
}

/** Files below a directory that hold this text, relative to it. */
export function filesHolding(directory: string, text: string): string[] {
  return readdirSync(directory, { recursive: true, encoding: 'utf8' })
    .filter((path) => lstatSync(join(directory, path)).isFile() && readFileSync(join(directory, path)).includes(text))
    .toSorted();
}

export function modeOf(path: string): number {
  return lstatSync(path).mode & 0o7777;
}
