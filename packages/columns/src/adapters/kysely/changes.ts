/** What SET sets: encrypted columns, and the columns that they are bound to. */
import type { ColumnContext } from '../../index.ts';
import type { EncryptedColumn } from './encrypted-tables.ts';
import type { Expressions } from './expressions.ts';
import { keyOf, nameOf, type Node, nodeAt, nodesAt, operatorOf, parameter, referredColumn } from './nodes.ts';
import { refuseAmbiguous, refuseContextChange, refuseUnknownColumn, refuseUnknownContext, refuseValue } from './refusals.ts';
import type { Relation, Scope, VisibleColumn } from './scope.ts';

/** A value that stands in the statement itself. */
interface Literal {
  readonly value: unknown;
}

/** What the rows that an upsert meets get, where SET doesn't say it. */
export interface Proposed {
  /** What every row that was to be inserted has there; undefined where they differ, or it is no value. */
  valueOf(context: string): Literal | undefined;
  /** Whether it was encrypted by this statement. */
  has(column: string): boolean;
  /** The value as it is to be set, where it is for rows with the proposed context alone. */
  guard(value: Node, contexts: readonly string[]): Node;
}

/** What the rows that are changed have, by the keys of their columns: as the condition demands it. */
export type Known = ReadonlyMap<string, unknown>;

/** A literal; undefined for everything that the database computes. */
export function literalOf(node: Node | undefined): Literal | undefined {
  return node?.kind === 'ValueNode' ? { value: node['value'] } : undefined;
}

/** The columns of one relation that a condition demands to be equal to a value. */
export function demanded(where: Node | undefined, scope: Scope, relation: Relation): Map<string, unknown> {
  const known = new Map<string, unknown>();
  const walk = (node: Node | undefined): void => {
    if (node === undefined) return;
    if (node.kind === 'AndNode') {
      walk(nodeAt(node, 'left'));
      walk(nodeAt(node, 'right'));
    } else if (node.kind === 'ParensNode') walk(nodeAt(node, 'node'));
    else if (node.kind === 'BinaryOperationNode' && operatorOf(node) === '=') {
      const left = nodeAt(node, 'leftOperand')!;
      const name = keyOf(referredColumn(left));
      const table = nodeAt(left, 'table');
      const isOurs = table === undefined ? scope.relations.length === 1 : scope.relation(table) === relation;
      const literal = literalOf(nodeAt(node, 'rightOperand'));
      if (name !== undefined && isOurs && literal !== undefined) known.set(name, literal.value);
    }
  };
  walk(where);
  return known;
}

/** The node of SET for one column. */
interface Change {
  readonly node: Node;
  readonly name: string;
  readonly value: Node;
}

/** @throws LockfastError `usage`, `invalid-context`; and as `Column.encrypt` */
export function changed(updates: readonly Node[], scope: Scope, expressions: Expressions, targets: readonly Relation[], knownOf: (relation: Relation) => Known, proposed?: Proposed): Node[] {
  const changes = new Map<Relation, Change[]>();
  for (const node of updates) {
    const column = nodeAt(node, 'column')!;
    const name = referredColumn(column);
    if (name === undefined) {
      const [place] = targets.flatMap((one) => [...one.columns.values()]).map(({ encrypted: { place: at } }) => at);
      if (place !== undefined) throw refuseUnknownColumn(place);
      continue;
    }
    const table = nodeAt(column, 'table');
    // A context column that could be of several tables is taken for one of each.
    const owners = table === undefined ? targets : targets.filter((one) => scope.relation(table) === one);
    if (owners.filter(({ columns }) => columns.has(keyOf(name))).length > 1) throw refuseAmbiguous(name);
    for (const relation of owners) changes.set(relation, [...(changes.get(relation) ?? []), { node, name: keyOf(name), value: nodeAt(node, 'value')! }]);
  }
  const encrypted = new Map<Node, Node>();
  for (const [relation, own] of changes) for (const [node, value] of encryptedChanges(relation, own, knownOf(relation), proposed)) encrypted.set(node, value);
  return updates.map((node) => ({ ...node, value: encrypted.get(node) ?? expressions.checked(nodeAt(node, 'value')!, scope) }));
}

function encryptedChanges(relation: Relation, changes: readonly Change[], known: Known, proposed: Proposed | undefined): Map<Node, Node> {
  const given = new Map(changes.map((change) => [change.name, change]));
  const values = new Map<Node, Node>();
  for (const column of relation.columns.values()) {
    const { encrypted } = column;
    const moved = encrypted.context.filter((context) => isMoved(context, given, known));
    const change = given.get(keyOf(encrypted.name));
    if (change === undefined) {
      if (moved.length > 0) throw refuseContextChange(encrypted.place, moved[0]!);
      continue;
    }
    values.set(change.node, newValue(column, change.value, given, known, proposed));
  }
  return values;
}

/** As text, since drivers hand the same id over as number or text. */
function isMoved(context: string, given: ReadonlyMap<string, Change>, known: Known): boolean {
  const change = given.get(keyOf(context));
  if (change === undefined) return false;
  const [now, next] = [known.get(keyOf(context)), literalOf(change.value)?.value];
  return !isPlain(now) || !isPlain(next) || String(now) !== String(next);
}

function newValue({ encrypted }: VisibleColumn, node: Node, given: ReadonlyMap<string, Change>, known: Known, proposed: Proposed | undefined): Node {
  const isProposed = proposed?.has(encrypted.name) === true && isProposedValue(node, encrypted.name);
  const literal = literalOf(node);
  if (!isProposed && literal === undefined) throw refuseValue(encrypted.place);
  if (literal?.value === null) return parameter(null);
  const context: Record<string, unknown> = {};
  const assumed: string[] = [];
  for (const name of encrypted.context) {
    const key = keyOf(name);
    const change = given.get(key);
    const isCarried = change !== undefined && proposed !== undefined && isProposedValue(change.value, name);
    const place = change === undefined ? (known.has(key) ? { value: known.get(key) } : proposed?.valueOf(name)) : isCarried ? proposed.valueOf(name) : literalOf(change.value);
    // A proposed value is at home where the proposed context is.
    if (isProposed ? change !== undefined && !isCarried : place === undefined) throw refuseUnknownContext(encrypted.place, name, proposed === undefined ? 'update' : 'conflict');
    if (change === undefined && proposed !== undefined) assumed.push(name);
    context[name] = place?.value;
  }
  const value = isProposed ? node : stored(encrypted, literal!.value, context as ColumnContext);
  return assumed.length === 0 ? value : proposed!.guard(value, assumed);
}

function isPlain(value: unknown): value is string | number | bigint {
  return ['string', 'number', 'bigint'].includes(typeof value);
}

/** `excluded.name`, and `values(name)` of MySQL. */
function isProposedValue(node: Node, name: string): boolean {
  const isIt = (one: Node | undefined): boolean => one !== undefined && keyOf(referredColumn(one)) === keyOf(name);
  if (node.kind === 'ReferenceNode') return isIt(node) && keyOf(nameOf(nodeAt(node, 'table'))) === 'excluded';
  return node.kind === 'FunctionNode' && String(node['func']).toLowerCase() === 'values' && isIt(nodesAt(node, 'arguments')[0]);
}

function stored({ column, form, context }: EncryptedColumn, value: unknown, values: ColumnContext): Node {
  return parameter(form.toDriver(column.encrypt(value, context.length === 0 ? undefined : values)));
}
