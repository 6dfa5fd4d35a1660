import { type ClientModels, type RuntimeField } from './client-internals.ts';
import { refuseDefinition } from './refusals.ts';
import { listArgument, parseSchema, type SchemaAttribute, type SchemaField, type SchemaModel, wordArgument } from './schema-text.ts';

/** Two fields that a relation holds equal. */
interface Link {
  /** In the model that has the relation field. */
  readonly own: string;
  /** In the other model. */
  readonly other: string;
}

export interface Relation {
  /** The model that the field leads to. */
  readonly to: string;
  /** Empty where a table between the two holds the relation. */
  readonly links: readonly Link[];
  /** Whose row holds the foreign key: a change of the relation is an update of that row. */
  readonly keptBy: 'own' | 'other' | 'neither';
  /** `Cascade`, `SetNull` ..., where the schema says it; of the side that holds the key. */
  readonly onDelete: string | undefined;
}

export interface Field {
  readonly name: string;
  /** In the database. */
  readonly dbName: string;
  /** `String`, `Int`, the name of an enum or of a model. */
  readonly type: string;
  readonly scalar: boolean;
  readonly list: boolean;
  readonly optional: boolean;
  /** `Uuid` of `@db.Uuid`. */
  readonly nativeType: string | undefined;
  readonly unique: boolean;
  readonly hasDefault: boolean;
  readonly relation: Relation | undefined;
}

export interface Model {
  readonly name: string;
  readonly fields: ReadonlyMap<string, Field>;
  /** Without a choice of the caller, these are not in results. */
  readonly omitted: ReadonlySet<string>;
}

/** The models of a client and how they are connected. */
export class ModelGraph {
  readonly models: ReadonlyMap<string, Model>;

  /** @throws LockfastError `usage` where schema and client do not tell the same: then nothing is known for sure */
  constructor(client: ClientModels) {
    const schema = parseSchema(client.schema);
    const models = new Map<string, Model>();
    for (const [name, fields] of client.fields) {
      const parsed = schema.get(name);
      if (parsed === undefined) throw unlike(name);
      const unique = uniqueFields(parsed);
      const omitted = client.omitted[name.slice(0, 1).toLowerCase() + name.slice(1)];
      models.set(name, {
        name,
        fields: new Map(fields.map((field) => [field.name, fieldOf(name, field, parsed, unique, client, schema)])),
        omitted: new Set(Object.entries(omitted ?? {}).flatMap(([field, yes]) => (yes === true ? [field] : []))),
      });
    }
    this.models = models;
  }

  /** Of a model that is known to be. */
  model(name: string): Model {
    return this.models.get(name)!;
  }
}

function fieldOf(model: string, field: RuntimeField, parsed: SchemaModel, unique: ReadonlySet<string>, client: ClientModels, schema: ReadonlyMap<string, SchemaModel>): Field {
  const { name, kind, type, dbName } = field;
  const found = parsed.fields.get(name);
  if (found?.type !== type) throw unlike(`${model}.${name}`);
  return {
    name,
    dbName: dbName ?? name,
    type,
    scalar: kind === 'scalar',
    list: found.list,
    optional: found.optional,
    nativeType: found.attributes.find((attribute) => attribute.name.startsWith('db.'))?.name.slice('db.'.length),
    unique: unique.has(name),
    hasDefault: found.attributes.some((attribute) => attribute.name === 'default' || attribute.name === 'updatedAt'),
    relation: field.relationName === undefined ? undefined : relationOf(model, field, found, client, schema),
  };
}

function relationOf(model: string, field: RuntimeField, parsed: SchemaField, client: ClientModels, schema: ReadonlyMap<string, SchemaModel>): Relation {
  const own = relationAttribute(parsed);
  if (own !== undefined) return { to: field.type, keptBy: 'own', links: linksOf(own), onDelete: wordArgument(own, 'onDelete') };
  // The other side has the same name; in a relation of a model with itself, it is the other field of that name.
  const opposite = client.fields.get(field.type)?.find((one) => one.relationName === field.relationName && one.type === model && !(field.type === model && one.name === field.name));
  const parsedOpposite = opposite === undefined ? undefined : schema.get(field.type)?.fields.get(opposite.name);
  const other = parsedOpposite === undefined ? undefined : relationAttribute(parsedOpposite);
  if (other !== undefined) return { to: field.type, keptBy: 'other', links: linksOf(other).map((link) => ({ own: link.other, other: link.own })), onDelete: wordArgument(other, 'onDelete') };
  if (!parsed.list) throw unlike(`${model}.${field.name}`);
  return { to: field.type, keptBy: 'neither', links: [], onDelete: undefined };
}

/** That of the side that holds the foreign key. */
function relationAttribute({ attributes }: SchemaField): SchemaAttribute | undefined {
  return attributes.find((attribute) => attribute.name === 'relation' && listArgument(attribute, 'fields').length > 0);
}

function linksOf(attribute: SchemaAttribute): Link[] {
  const references = listArgument(attribute, 'references');
  return listArgument(attribute, 'fields').map((own, i) => ({ own, other: references[i] ?? '' }));
}

/** Fields that are unique, or part of something that is: an id, a pair. */
function uniqueFields({ fields, attributes }: SchemaModel): Set<string> {
  const alone = [...fields.values()].filter((field) => field.attributes.some(({ name }) => name === 'id' || name === 'unique'));
  const together = attributes.filter(({ name }) => name === 'id' || name === 'unique').flatMap(({ args }) => args);
  return new Set([...alone.map(({ name }) => name), ...together]);
}

function unlike(place: string): Error {
  return refuseDefinition(place, 'the schema and the client that was generated from it do not agree here', 'run `prisma generate`; if that does not help, report the schema of this model as a defect');
}
