/** `data` and its like: copied, with the encrypted fields encrypted, at any depth. What is not understood is refused. */
import type { ContextValue } from '@lockfast/core/formats';

import type { ColumnContext } from '../../column-context.ts';
import type { Encryption } from './batches.ts';
import type { FilterArguments } from './filter-arguments.ts';
import { knownByData, type Known, knownByRelation, knownByWhere, NOTHING_KNOWN, valueOf } from './known-values.ts';
import type { Field, Model, ModelGraph, Relation } from './model-graph.ts';
import { type Args, isArgs, isSkipped, listOf, membersOf, nullNameOf } from './prisma-values.ts';
import type { ProtectedField, ProtectedFields } from './protected-fields.ts';
import { refuseChange, refuseContextChange, refuseJsonNull, refusePath, refuseRebinding, refuseTrailingSpace, refuseUnknownContext } from './refusals.ts';

/** Nested operations that give rows of the other side another foreign key, and thereby another context. */
const REBINDING = new Set(['connect', 'connectOrCreate', 'disconnect', 'set']);

/** The arguments of nested operations. */
const CREATE_MANY = new Set(['data', 'skipDuplicates']);
const CONNECT_OR_CREATE = new Set(['where', 'create']);
const UPDATE = new Set(['where', 'data']);
const UPSERT = new Set(['where', 'create', 'update']);

export class WriteArguments {
  readonly #graph: ModelGraph;
  readonly #fields: ProtectedFields;
  readonly #filters: FilterArguments;
  readonly #encryptions: Encryption[];

  /** @param encryptions what is to be encrypted is added to it */
  constructor(fields: ProtectedFields, filters: FilterArguments, encryptions: Encryption[]) {
    this.#graph = fields.graph;
    this.#fields = fields;
    this.#filters = filters;
    this.#encryptions = encryptions;
  }

  /** @param given what is known of the new row beside its data */
  create(model: Model, data: unknown, given: Known = NOTHING_KNOWN): Args {
    const members = this.#argsAt(`${model.name}: data`, data);
    const known = new Map([...knownByData(this.#graph, model, members), ...given]);
    return this.#rewrite(model, members, known, 'create');
  }

  /** One or many rows. */
  createMany(model: Model, data: unknown, given: Known = NOTHING_KNOWN): unknown {
    return mapOneOrMany(data, (row) => this.create(model, row, given));
  }

  /** @param located what is known of the rows before this change */
  update(model: Model, data: unknown, located: Known): Args {
    const members = this.#argsAt(`${model.name}: data`, data);
    const after = this.#afterChanges(model, members, located);
    return this.#rewrite(model, members, after, 'update');
  }

  updateWhere(model: Model, where: unknown, data: unknown, given: Known = NOTHING_KNOWN): Args {
    return this.update(model, data, this.#located(model, where, given));
  }

  #rewrite(model: Model, members: Args, known: Known, write: 'create' | 'update'): Args {
    const copy: Record<string, unknown> = { ...members };
    const encrypted = this.#fields.of(model.name);
    for (const [name, value] of membersOf(members)) {
      const field = model.fields.get(name);
      if (field === undefined) throw refusePath(model.name, 'the data names something that is no field of it');
      const one = encrypted.get(name);
      if (field.relation !== undefined) copy[name] = this.#nested(model, field, field.relation, value, known);
      else if (one !== undefined) this.#encrypt(one, value, known, write, copy);
    }
    return copy;
  }

  #encrypt(one: ProtectedField, given: unknown, known: Known, write: 'create' | 'update', into: Record<string, unknown>): void {
    const { place, field, column, json } = one;
    const wrapped = write === 'update' && !json && isArgs(given);
    const value = wrapped ? setOf(place, given) : given;
    if (value === null || isSkipped(value)) return;
    const nullName = nullNameOf(value);
    if (nullName !== undefined) {
      if (json && nullName === 'Prisma.DbNull') return;
      throw refuseJsonNull(place);
    }
    const context = contextFrom(one, known, write);
    // What waits to be encrypted is in no object that anybody passes on.
    into[field.name] = undefined;
    this.#encryptions.push({ column, from: value, context, put: (stored) => (into[field.name] = wrapped ? { set: stored } : stored) });
  }

  /** Refuses changes of a context that leave values behind. @returns what is known of the rows afterwards */
  #afterChanges(model: Model, members: Args, located: Known): Known {
    const after = new Map(located);
    for (const [name, value] of this.#changesOf(model, members)) {
      const before = located.get(name);
      if (before !== undefined && value !== undefined && String(before) === String(value)) continue;
      if (value === undefined) after.delete(name);
      else after.set(name, value);
      this.#refuseContextChange(model, name, members);
    }
    return after;
  }

  #refuseContextChange(model: Model, name: string, members: Args): void {
    const place = `${model.name}.${name}`;
    const elsewhere = this.#fields.boundElsewhere(model.name, name);
    if (elsewhere !== undefined) throw refuseRebinding(place, 'a change of it', elsewhere);
    for (const one of this.#fields.of(model.name).values()) {
      if (one.context.some(({ field }) => field.name === name) && isSkipped(givenIn(members, one))) throw refuseContextChange(one.place, place);
    }
  }

  /** Fields that something is bound to and that this data changes, with their new value where it is known. */
  #changesOf(model: Model, members: Args): Map<string, ContextValue | undefined> {
    const changes = new Map<string, ContextValue | undefined>();
    for (const [name, given] of membersOf(members)) {
      const field = model.fields.get(name);
      if (field === undefined) continue;
      const { relation } = field;
      if (relation === undefined) {
        const value = isArgs(given) && Object.hasOwn(given, 'set') ? given['set'] : given;
        if (!isSkipped(value) && this.#fields.boundTo(model.name, name) !== undefined) changes.set(name, valueOf(value));
      } else if (relation.keptBy === 'own' && changesRelation(given)) {
        const ofOther = knownByRelation(this.#graph, relation, given);
        for (const { own, other } of relation.links) if (this.#fields.boundTo(model.name, own) !== undefined) changes.set(own, ofOther.get(other));
      }
    }
    return changes;
  }

  /** The writes to a relation: `{ create: ..., connect: ... }`. */
  #nested(model: Model, { name, list }: Field, relation: Relation, given: unknown, known: Known): Args {
    const place = `${model.name}.${name}`;
    const target = this.#graph.model(relation.to);
    const copy: Record<string, unknown> = {};
    // Of a row of the other side, this much is sure: it belongs to this one.
    const linked = new Map(relation.links.flatMap(({ own, other }): [string, ContextValue][] => (known.has(own) ? [[other, known.get(own)!]] : [])));
    for (const [operation, value] of membersOf(this.#argsAt(place, given))) {
      if (relation.keptBy === 'other' && REBINDING.has(operation)) this.#refuseRebinding(place, target, relation, operation);
      copy[operation] = this.#nestedOperation(`${place}.${operation}`, operation, target, value, { list, linked, created: relation.keptBy === 'other' ? linked : NOTHING_KNOWN });
    }
    return copy;
  }

  #nestedOperation(place: string, operation: string, target: Model, value: unknown, { list, linked, created }: { readonly list: boolean; readonly linked: Known; readonly created: Known }): unknown {
    const where = (one: unknown): unknown => this.#filters.where(target, one);
    switch (operation) {
      case 'create':
        return mapOneOrMany(value, (one) => this.create(target, one, created));
      case 'createMany': {
        const args = this.#argsAt(place, value, CREATE_MANY);
        return { ...args, data: this.createMany(target, args['data'], created) };
      }
      case 'connectOrCreate':
        return mapOneOrMany(value, (one) => {
          const args = this.#argsAt(place, one, CONNECT_OR_CREATE);
          where(args['where']);
          return { ...args, create: this.create(target, args['create'], created) };
        });
      case 'update':
        return mapOneOrMany(value, (one) => this.#nestedUpdate(place, target, one, list, linked));
      case 'updateMany':
        return mapOneOrMany(value, (one) => {
          const args = this.#argsAt(place, one, UPDATE);
          return { ...args, data: this.updateWhere(target, where(args['where']), args['data'], linked) };
        });
      case 'upsert':
        return mapOneOrMany(value, (one) => {
          const args = this.#argsAt(place, one, UPSERT);
          const update = this.updateWhere(target, where(args['where']), args['update'], linked);
          return { where: this.#pinned(target, args['where'], linked), create: this.create(target, args['create'], created), update };
        });
      case 'connect':
      case 'set':
      case 'delete':
      case 'deleteMany':
      case 'disconnect':
        // Of a relation to one row, `true` says all.
        for (const one of listOf(value)) if (typeof one !== 'boolean') where(one);
        return value;
      default:
        throw refusePath(place, 'this is no write to a relation that is known');
    }
  }

  /** To one row of many: `{ where, data }`. To the one row of a relation: that, or the data itself. */
  #nestedUpdate(place: string, target: Model, value: unknown, list: boolean, linked: Known): Args {
    const args = this.#argsAt(place, value);
    const names = membersOf(args).map(([name]) => name);
    const isWrapped = names.includes('data') && names.every((name) => UPDATE.has(name));
    if (!list && isWrapped && target.fields.has('data') && !names.includes('where')) throw refusePath(place, `{ data } may mean the data or a field of ${target.name}; write { where: {}, data: ... }`);
    if (!list && !isWrapped) {
      const where = this.#pinned(target, undefined, linked);
      const data = this.update(target, args, linked);
      return where === undefined ? data : { where, data };
    }
    if (!isWrapped) throw refusePath(place, 'it has an argument that is not known');
    const data = this.updateWhere(target, this.#filters.where(target, args['where']), args['data'], linked);
    return { where: this.#pinned(target, args['where'], linked), data };
  }

  /**
   * Of a nested update: Prisma reads the key of the row first, and updates by it and by this `where`. With the context in it,
   * a row that another transaction moves in between is not written to. (Of `updateMany`, it updates by the keys alone.)
   */
  #pinned(target: Model, where: unknown, linked: Known): unknown {
    const encrypted = [...this.#fields.of(target.name).values()];
    const pins = [...linked].filter(([name]) => encrypted.some(({ context }) => context.some(({ field }) => field.name === name)));
    if (pins.length === 0) return where;
    const given = isArgs(where) ? where : {};
    return { ...given, AND: [...(isSkipped(given['AND']) ? [] : listOf(given['AND'])), Object.fromEntries(pins)] };
  }

  /** A foreign key that others keep, and that their values are bound to. */
  #refuseRebinding(place: string, target: Model, { links }: Relation, operation: string): void {
    for (const { other } of links) {
      const bound = this.#fields.boundTo(target.name, other);
      if (bound !== undefined) throw refuseRebinding(`${place}.${operation}`, `another ${target.name}.${other}`, bound);
    }
  }

  #located(model: Model, where: unknown, given: Known): Known {
    return new Map([...knownByWhere(this.#graph, model, where), ...given]);
  }

  /** @param allowed its members; all without it */
  #argsAt(place: string, value: unknown, allowed?: ReadonlySet<string>): Args {
    if (!isArgs(value)) throw refusePath(place, 'this is no object that can be read member by member');
    if (allowed !== undefined && Object.keys(value).some((name) => !allowed.has(name))) throw refusePath(place, 'it has an argument that is not known');
    return { ...value };
  }
}

/** The context of a new value. @throws LockfastError `invalid-context` where it is not all known */
function contextFrom({ place, context }: ProtectedField, known: Known, write: 'create' | 'update'): ColumnContext | undefined {
  if (context.length === 0) return undefined;
  const values: Record<string, ContextValue> = {};
  for (const { name, field } of context) {
    const value = known.get(field.name);
    if (value === undefined) throw refuseUnknownContext(place, field.name, write);
    // SQL lets such a text lose its last spaces where it is too long for the column, without an error.
    if (field.nativeType === 'VarChar' && typeof value === 'string' && value.endsWith(' ')) throw refuseTrailingSpace(place, field.name);
    values[name] = value;
  }
  return values;
}

/** Of `{ set: 'new' }`, `'new'`. */
function setOf(place: string, given: Args): unknown {
  const members = membersOf(given);
  if (members.length === 0) return undefined;
  const [[name, value]] = members as [[string, unknown]];
  if (members.length > 1 || name !== 'set') throw refuseChange(place, 'anything but `set`');
  return value;
}

function givenIn(members: Args, { field, json }: ProtectedField): unknown {
  const given = members[field.name];
  return !json && isArgs(given) ? given['set'] : given;
}

/** An update of the row that the relation leads to leaves the relation as it is. */
function changesRelation(given: unknown): boolean {
  return !isArgs(given) || membersOf(given).some(([operation]) => operation !== 'update');
}

function mapOneOrMany(value: unknown, change: (one: unknown) => unknown): unknown {
  return Array.isArray(value) ? value.map(change) : change(value);
}
