import type { Column } from '../../column.ts';
import type { Field, Model, ModelGraph } from './model-graph.ts';
import { refuseDefinition } from './refusals.ts';

/** Which fields are encrypted, by model and field as the schema spells them. */
export type ProtectedColumns = Readonly<Record<string, Readonly<Record<string, Column<unknown>>>>>;

/** One context column of an encrypted field. */
interface ContextField {
  /** As the definition of the column names it. */
  readonly name: string;
  readonly field: Field;
}

export interface ProtectedField {
  /** For messages: `Connection.botToken`. */
  readonly place: string;
  readonly field: Field;
  readonly column: Column<unknown>;
  readonly json: boolean;
  readonly context: readonly ContextField[];
}

/** What each type of a field may be, so that an application gets the type that its client has. */
const FITTING: Readonly<Record<string, { readonly as: string; readonly storage: string }>> = {
  String: { as: 'text', storage: 'text' },
  Bytes: { as: 'bytes', storage: 'binary' },
  Json: { as: 'json', storage: 'text' },
};

/** Database types that give back the text that they were given. `Char` fills it up with spaces. */
const TEXT_TYPES = new Set([undefined, 'Text', 'VarChar', 'Citext', 'TinyText', 'MediumText', 'LongText', 'NVarChar']);
/** For context: also not those that find a row by another spelling than it has. A UUID has one spelling in a context. */
const CONTEXT_TEXT_TYPES = new Set([undefined, 'Text', 'VarChar', 'Uuid']);
const CONTEXT_TYPES = new Set(['String', 'Int', 'BigInt']);

/** Fields of the models of a client that are encrypted, and what they are bound to. */
export class ProtectedFields {
  readonly graph: ModelGraph;
  readonly #byModel: ReadonlyMap<string, ReadonlyMap<string, ProtectedField>>;
  /** By `Model.field`: the places whose context it is, or comes to be by foreign keys. */
  readonly #bound: ReadonlyMap<string, readonly string[]>;
  readonly #reaching: ReadonlySet<string>;

  /** @throws LockfastError `usage`: a model or field that does not exist, or can't be encrypted */
  constructor(graph: ModelGraph, columns: ProtectedColumns) {
    this.graph = graph;
    const byModel = new Map<string, Map<string, ProtectedField>>();
    for (const [name, fields] of Object.entries(columns)) {
      const model = graph.models.get(name);
      if (model === undefined) throw refuseDefinition(name, 'there is no such model', 'spell it as the schema does, and run `prisma generate` after a change of the schema');
      byModel.set(name, new Map(Object.entries(fields).map(([field, column]) => [field, protectedField(graph, model, field, column)])));
    }
    this.#byModel = byModel;
    this.#bound = boundFields(graph, [...byModel].flatMap(([model, fields]) => [...fields.values()].map((field) => ({ model, field }))));
    this.#reaching = modelsReaching(graph, new Set(byModel.keys()));
  }

  /** Those of one model, by field. */
  of(model: string): ReadonlyMap<string, ProtectedField> {
    return this.#byModel.get(model) ?? NONE;
  }

  /** Whether rows of this model hold encrypted fields, or lead to rows that do. */
  concerns(model: string): boolean {
    return this.#reaching.has(model);
  }

  /** Encrypted fields of *other* rows that are bound to this field over foreign keys, for a message; undefined if none. */
  boundElsewhere(model: string, field: string): string | undefined {
    return this.#bound.get(`${model}.${field}`)?.find((place) => !this.#isOwn(model, field, place));
  }

  /** Any encrypted field that is bound to this one. */
  boundTo(model: string, field: string): string | undefined {
    return this.#bound.get(`${model}.${field}`)?.[0];
  }

  #isOwn(model: string, field: string, place: string): boolean {
    return [...this.of(model).values()].some((one) => one.place === place && one.context.some((context) => context.field.name === field));
  }
}

const NONE: ReadonlyMap<string, ProtectedField> = new Map();

function protectedField(graph: ModelGraph, model: Model, name: string, column: Column<unknown>): ProtectedField {
  const place = `${model.name}.${name}`;
  const field = model.fields.get(name);
  if (field === undefined) throw refuseDefinition(place, 'there is no such field', 'spell it as the schema does, and run `prisma generate` after a change of the schema');
  const fitting = field.scalar && !field.list ? FITTING[field.type] : undefined;
  if (fitting === undefined) throw refuseDefinition(place, 'only fields of the types String, Bytes and Json can be encrypted', 'change the type of the field to one of these');
  const { as = 'text', storage = 'text', context = [] } = column.definition;
  if (as !== fitting.as || storage !== fitting.storage) {
    throw refuseDefinition(place, `a field of type ${field.type} holds values as '${fitting.as}' in storage '${fitting.storage}', and ${column.id} is defined otherwise`, `define the column with as: '${fitting.as}', storage: '${fitting.storage}'`);
  }
  if (field.type === 'String' && !TEXT_TYPES.has(field.nativeType)) throw refuseDefinition(place, `the database type ${field.nativeType} does not hold every text as it is`, 'use @db.Text');
  if (field.unique) throw refuseDefinition(place, 'it is unique in the schema, and two encrypted values of the same text are never equal', 'drop the constraint, or keep a hash of the value in a column of its own');
  if (field.hasDefault) throw refuseDefinition(place, 'it has a default, which would be stored as plaintext', 'drop the default, and give the value in each create');
  if (isKey(graph, model.name, name)) throw refuseDefinition(place, 'a relation is over it', 'let the relation be over another field');
  return { place, field, column, json: as === 'json', context: context.map((one) => contextField(graph, model, place, one)) };
}

function contextField(graph: ModelGraph, model: Model, place: string, name: string): ContextField {
  // lockfast.toml names the columns of the database, for jobs: the same names count here.
  const found = [...model.fields.values()].filter((field) => field.relation === undefined && (field.dbName === name || field.name === name));
  const field = found.find(({ dbName }) => dbName === name) ?? found[0];
  if (field === undefined) throw refuseDefinition(place, `its context column ${name} is no field of ${model.name}`, 'name the column as the database does, or the field as the schema does');
  if (!field.scalar || field.list || !CONTEXT_TYPES.has(field.type)) throw refuseDefinition(place, `its context column ${name} is of type ${field.type}${field.list ? '[]' : ''}`, 'a value is bound to fields of the types String, Int and BigInt');
  if (field.optional) throw refuseDefinition(place, `its context column ${name} may be null`, 'nothing is bound to NULL: make it required in schema and database, or bind the value to other columns');
  if (field.type === 'String' && !CONTEXT_TEXT_TYPES.has(field.nativeType)) throw refuseDefinition(place, `the database type ${field.nativeType} of its context column ${name} has several spellings of one value`, 'use @db.Text, @db.VarChar or @db.Uuid');
  for (const { relation } of model.fields.values()) {
    if (relation?.keptBy !== 'own' || !relation.links.some(({ own }) => own === field.name)) continue;
    if (relation.onDelete === 'SetDefault') throw refuseDefinition(place, `its context column ${name} is changed by the database when a row of ${relation.to} is deleted`, 'use onDelete: Restrict or Cascade');
  }
  return { name, field };
}

function isKey(graph: ModelGraph, model: string, field: string): boolean {
  return [...graph.models.values()].some((one) =>
    [...one.fields.values()].some(({ relation }) => relation?.keptBy === 'own' && relation.links.some(({ own, other }) => (one.name === model && own === field) || (relation.to === model && other === field))),
  );
}

/** Context fields, the keys that they refer to, and those that these refer to: `ON UPDATE CASCADE` carries a change all the way. */
function boundFields(graph: ModelGraph, all: readonly { readonly model: string; readonly field: ProtectedField }[]): Map<string, string[]> {
  const bound = new Map<string, string[]>();
  const add = (model: string, field: string, place: string): void => {
    const key = `${model}.${field}`;
    const places = bound.get(key) ?? [];
    if (places.includes(place)) return;
    bound.set(key, [...places, place]);
    for (const { relation } of graph.model(model).fields.values()) {
      if (relation?.keptBy !== 'own') continue;
      for (const { own, other } of relation.links) if (own === field) add(relation.to, other, place);
    }
  };
  for (const { model, field } of all) for (const context of field.context) add(model, context.field.name, field.place);
  return bound;
}

function modelsReaching(graph: ModelGraph, targets: ReadonlySet<string>): Set<string> {
  const reaching = new Set(targets);
  for (let size = -1; size !== reaching.size; ) {
    size = reaching.size;
    for (const model of graph.models.values()) {
      if ([...model.fields.values()].some(({ relation }) => relation !== undefined && reaching.has(relation.to))) reaching.add(model.name);
    }
  }
  return reaching;
}

