/**
 * What arguments say of the row that they mean: the values of its context columns are taken from there. The database is not
 * asked: between the question and the write, the answer may change.
 */
import type { ContextValue } from '@lockfast/core/formats';

import type { Model, ModelGraph, Relation } from './model-graph.ts';
import { type Args, isArgs, isSkipped, listOf, membersOf } from './prisma-values.ts';

/** Fields of one row whose value is known for sure. */
export type Known = ReadonlyMap<string, ContextValue>;

export const NOTHING_KNOWN: Known = new Map();

/** Undefined where it is no value, but a filter or an operation. */
export function valueOf(value: unknown): ContextValue | undefined {
  return typeof value === 'string' || typeof value === 'number' || typeof value === 'bigint' ? value : undefined;
}

/** Of a row that matches this `where`: what it demands to be equal. */
export function knownByWhere(graph: ModelGraph, model: Model, where: unknown): Map<string, ContextValue> {
  const known = new Map<string, ContextValue>();
  if (isArgs(where)) addDemands(graph, model, where, known);
  return known;
}

function addDemands(graph: ModelGraph, model: Model, where: Args, known: Map<string, ContextValue>): void {
  for (const [name, value] of membersOf(where)) {
    const field = model.fields.get(name);
    if (name === 'AND') addAll(graph, model, listOf(value), known);
    else if (name === 'OR' || name === 'NOT') continue;
    // A name of its own for several fields that are unique together.
    else if (field === undefined) addAll(graph, model, [value], known);
    else if (field.relation !== undefined) addLinked(field.relation, known, knownByWhere(graph, graph.model(field.relation.to), isOf(value)));
    else {
      const demanded = valueOf(equalsOf(value));
      if (demanded !== undefined) known.set(name, demanded);
    }
  }
}

function addAll(graph: ModelGraph, model: Model, demands: readonly unknown[], known: Map<string, ContextValue>): void {
  for (const one of demands) if (isArgs(one)) addDemands(graph, model, one, known);
}

/** Of `{ equals: 'acme' }`, `'acme'`. Compared without regard to case, the row may hold another spelling. */
function equalsOf(value: unknown): unknown {
  if (!isArgs(value)) return value;
  return isSkipped(value['mode']) || value['mode'] === 'default' ? value['equals'] : undefined;
}

/** Of `{ is: { id: 'acme' } }`, the inner one. `isNot` demands nothing that would be known. */
function isOf(value: unknown): unknown {
  if (!isArgs(value) || !(Object.hasOwn(value, 'is') || Object.hasOwn(value, 'isNot'))) return value;
  return value['is'];
}

/** Of a row that is made of this `data`. */
export function knownByData(graph: ModelGraph, model: Model, data: Args): Map<string, ContextValue> {
  const known = new Map<string, ContextValue>();
  for (const [name, value] of membersOf(data)) {
    const field = model.fields.get(name);
    if (field === undefined) continue;
    if (field.relation !== undefined) {
      if (field.relation.keptBy === 'own') addLinked(field.relation, known, knownByRelation(graph, field.relation, value));
    } else {
      const given = valueOf(value);
      if (given !== undefined) known.set(name, given);
    }
  }
  return known;
}

/** Of the row that a relation leads to after this write: `{ connect: { id: 'acme' } }`. */
export function knownByRelation(graph: ModelGraph, { to }: Relation, write: unknown): Known {
  if (!isArgs(write)) return NOTHING_KNOWN;
  const target = graph.model(to);
  const [[operation, value] = [], ...others] = membersOf(write);
  if (others.length > 0 || operation === undefined) return NOTHING_KNOWN;
  if (operation === 'connect') return knownByWhere(graph, target, value);
  if (!isArgs(value)) return NOTHING_KNOWN;
  if (operation === 'create') return knownByData(graph, target, value);
  if (operation !== 'connectOrCreate' || !isArgs(value['create'])) return NOTHING_KNOWN;
  // Whichever of the two it comes to be.
  const created = knownByData(graph, target, value['create']);
  return new Map([...knownByWhere(graph, target, value['where'])].filter(([name, one]) => created.get(name) === one));
}

function addLinked({ links, keptBy }: Relation, known: Map<string, ContextValue>, ofOther: Known): void {
  if (keptBy !== 'own') return;
  for (const { own, other } of links) {
    const value = ofOther.get(other);
    if (value !== undefined) known.set(own, value);
  }
}
