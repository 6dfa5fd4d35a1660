/** What a file is measured by: the tenant's required names, a schema, a template. */
import { existsSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';

import { isEncryptedFile, MOST_FILE_BYTES, parseNames, splitEntries } from '@lockfast/core/env';
import { type Expectations, parseExample, parseSchema } from '@lockfast/core/env/lint';
import { readRegularFile } from '@lockfast/core/files';
import { tenantNamed } from '@lockfast/fleet';

import type { Arguments } from '../arguments.ts';
import type { Session } from '../session.ts';
import type { Workspace } from '../workspace.ts';

export interface LintMeasures {
  readonly expectations: Expectations;
  /** The files that they come from, for the report. */
  readonly schema: string | undefined;
  readonly example: string | undefined;
}

/** @throws LockfastError as `readRegularFile`, of the schema that --schema names too; as `parseNames` */
export function lintMeasures(file: string, args: Arguments, workspace: Workspace | undefined, session: Session): LintMeasures {
  const path = resolve(session.directory, file);
  const project = workspace === undefined ? [] : [dirname(workspace.configuration.file)];
  const find = (name: string): string | undefined => [dirname(path), ...project].map((directory) => join(directory, name)).find((found) => found !== path && existsSync(found));
  const schema = args.text('schema') ?? find('.env.schema');
  const example = find('.env.example');
  return {
    expectations: {
      ...ofTenant(path, args.text('tenant'), workspace),
      schema: schema === undefined ? undefined : parseSchema(read(resolve(session.directory, schema))),
      example: example === undefined ? new Map() : parseExample(read(example)),
    },
    schema,
    example,
  };
}

/** Names must be there for a tenant alone; what all share gives it some of them. */
function ofTenant(path: string, given: string | undefined, workspace: Workspace | undefined): Pick<Expectations, 'required' | 'elsewhere'> {
  const fleet = workspace?.configuration.fleet;
  const tenant = given ?? workspace?.tenantOf(path);
  if (fleet === undefined || tenant === undefined || path === fleet.extends) return { required: [], elsewhere: new Set() };
  const { required } = tenantNamed(fleet, tenant);
  const shared = fleet.extends !== undefined && existsSync(fleet.extends) ? namesOf(fleet.extends) : new Set<string>();
  return { required, elsewhere: shared };
}

/** Of an encrypted file they are readable without a key. */
function namesOf(path: string): ReadonlySet<string> {
  const bytes = read(path);
  return isEncryptedFile(bytes) ? parseNames(bytes, path) : new Set(splitEntries(bytes).flatMap(({ kind, name }) => (kind === 'other' ? [] : [name])));
}

function read(path: string): Buffer {
  return readRegularFile(path, 'follow', MOST_FILE_BYTES).bytes;
}
