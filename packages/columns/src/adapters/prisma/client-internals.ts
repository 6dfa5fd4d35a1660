/** What we read of a Prisma client that is not its published interface: this file alone, and checked. */
import { refuseDefinition } from './refusals.ts';
import { type Args, isArgs } from './prisma-values.ts';

export interface RuntimeField {
  readonly name: string;
  readonly kind: string;
  readonly type: string;
  readonly dbName?: string | null;
  readonly relationName?: string;
}

export interface ClientModels {
  readonly fields: ReadonlyMap<string, readonly RuntimeField[]>;
  /** The text of the schema. */
  readonly schema: string;
  /** Fields that the client leaves out of every result, by model: its option `omit`. By the model's name in the client (`connection`). */
  readonly omitted: Args;
}

/** @throws LockfastError `usage`: no client of a Prisma that we know */
export function modelsOf(client: object): ClientModels {
  const { _runtimeDataModel: model, _engineConfig: config, _globalOmit: omitted } = client as { readonly [name: string]: unknown };
  const models = isArgs(model) ? model['models'] : undefined;
  const schema = isArgs(config) ? config['inlineSchema'] : undefined;
  if (!isArgs(models) || typeof schema !== 'string') throw unknownClient();
  const fields = Object.entries(models).map(([name, one]): [string, RuntimeField[]] => {
    const list = isArgs(one) ? one['fields'] : undefined;
    if (!Array.isArray(list) || !list.every(isRuntimeField)) throw unknownClient();
    return [name, list];
  });
  return { fields: new Map(fields), schema, omitted: isArgs(omitted) ? omitted : {} };
}

/**
 * Where in the result of the query the result of the call lies: `findUnique(...).org()` is a query of the connection, and
 * gives an organization.
 */
export function resultPathOf(internals: unknown): readonly string[] {
  const path = isArgs(internals) ? internals['dataPath'] : undefined;
  if (!Array.isArray(path) || !path.every((name) => typeof name === 'string')) throw unknownClient();
  return path;
}

function isRuntimeField(value: unknown): value is RuntimeField {
  return isArgs(value) && typeof value['name'] === 'string' && typeof value['kind'] === 'string' && typeof value['type'] === 'string';
}

function unknownClient(): Error {
  return refuseDefinition('this client', 'it does not tell its models as Prisma 7 does', 'use a client that `prisma generate` of version 7 made; the guide names the versions that are tested');
}
