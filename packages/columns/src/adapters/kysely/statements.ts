/** A statement of Kysely's on its way to the database: what it writes encrypted, what it reads found. */
import { changed, demanded, type Proposed } from './changes.ts';
import type { EncryptedTables } from './encrypted-tables.ts';
import { Expressions, type Use } from './expressions.ts';
import { InsertedRows } from './inserted-rows.ts';
import { both, equal, inParens, keyOf, mapMember, nameOf, type Node, nodeAt, nodesAt, reference, schemaOf, tableNamed } from './nodes.ts';
import { refuseConflictWithin, refuseDefinition, refuseExpression, refuseSelection, refuseSource } from './refusals.ts';
import { type Relation, Scope, type VisibleColumn } from './scope.ts';
import { type Output, type Selected, Selections } from './selections.ts';

/** What is done with the rows of a statement: handed out, or read by another one; or as a query in an expression. */
type Purpose = 'rows' | 'relation' | Use;

/** What to do with the result of a statement. */
export interface ResultPlan {
  readonly outputs: readonly Output[];
  readonly hidden: readonly string[];
  /** Whether values are computed from others: then encrypted ones may be inside of them. */
  readonly computed: boolean;
  readonly guarded: Guarded | undefined;
}

/** An upsert that leaves rows of another place alone. */
export interface Guarded {
  readonly table: string;
  readonly context: string;
  /** So many rows must have been written. */
  readonly rows: number;
}

interface Planned {
  readonly node: Node;
  readonly outputs: readonly Output[];
  readonly hidden: readonly string[];
}

const NOTHING: Selected = { selections: [], outputs: [], hidden: [] };
const ONE_SELECT = /^\s*select\b[^;]*;?\s*$/i;
/** Clauses that know the names of the result. */
const AFTER_RESULT = new Set(['orderBy', 'groupBy', 'having', 'distinctOn']);

export class Statements {
  readonly #tables: EncryptedTables;
  readonly #expressions: Expressions;
  readonly #selections: Selections;
  #guarded: Guarded | undefined;

  constructor(tables: EncryptedTables) {
    this.#tables = tables;
    this.#expressions = new Expressions(tables, (node, scope, use) => this.#select(node, scope, use).node);
    this.#selections = new Selections(this.#expressions);
  }

  /** @throws LockfastError `usage`, `invalid-context`; and as `Column.encrypt` */
  plan(root: Node): { readonly node: Node; readonly result: ResultPlan } {
    const { node, outputs, hidden } = this.#root(root);
    // The database's plan, in place of rows.
    if (root['explain'] !== undefined) return { node, result: { outputs: [], hidden: [], computed: true, guarded: undefined } };
    return { node, result: { outputs, hidden, computed: this.#expressions.computes, guarded: this.#guarded } };
  }

  #root(root: Node): Planned {
    const outermost = new Scope(undefined);
    if (root.kind === 'RawNode') return { node: this.#raw(root, outermost), outputs: [], hidden: [] };
    return this.#statement(root, outermost, 'rows') ?? { node: root, outputs: [], hidden: [] };
  }

  /** Undefined for what neither reads nor writes rows. */
  #statement(node: Node, outer: Scope, purpose: Purpose): Planned | undefined {
    switch (node.kind) {
      case 'SelectQueryNode':
        return this.#select(node, outer, purpose);
      case 'InsertQueryNode':
        return this.#insert(node, outer, purpose);
      case 'UpdateQueryNode':
        return this.#update(node, outer);
      case 'DeleteQueryNode':
        return this.#delete(node, outer);
      case 'MergeQueryNode':
        return this.#merge(node, outer);
      default:
        return undefined;
    }
  }

  /** A whole statement in SQL of one's own. What it reads is looked at; a write could be anything. */
  #raw(node: Node, scope: Scope): Node {
    this.#expressions.computes = true;
    const text = (node['sqlFragments'] as readonly string[]).join(' ? ');
    if (!ONE_SELECT.test(text)) this.#expressions.refuseWords(node, scope);
    return { ...node, parameters: nodesAt(node, 'parameters').map((one) => (one.kind === 'RawNode' ? this.#rawPart(one, scope) : this.#expressions.checked(one, scope))) };
  }

  #rawPart(node: Node, scope: Scope): Node {
    return { ...node, parameters: nodesAt(node, 'parameters').map((one) => (one.kind === 'RawNode' ? this.#rawPart(one, scope) : this.#expressions.checked(one, scope))) };
  }

  #select(node: Node, outer: Scope, purpose: Purpose): Planned {
    const scope = new Scope(outer);
    const named = this.#with(node, scope);
    const from = this.#from(node, 'from', scope);
    const joins = this.#joins(node, scope);
    const selected = this.#selections.read(nodesAt(node, 'selections'), scope);
    const { outputs } = selected;
    if (purpose !== 'existence') this.#refuseOutputs(node, outputs, purpose);
    const seen = purpose === 'existence' ? { ...selected, selections: nodesAt(node, 'selections') } : selected;
    const setOperations = nodesAt(node, 'setOperations').map((one) => ({ ...one, expression: this.#expressions.checked(nodeAt(one, 'expression')!, outer) }));
    const known = { ...named, ...from, ...joins, ...(node['selections'] === undefined ? {} : { selections: seen.selections }), ...(node['setOperations'] === undefined ? {} : { setOperations }) };
    return { node: this.#rest(node, known, scope, outputs), outputs, hidden: seen.hidden };
  }

  /** Encrypted values in a result that is not handed out as rows, or not as the rows that they stood in. */
  #refuseOutputs(node: Node, outputs: readonly Output[], purpose: Purpose): void {
    const [output] = outputs;
    if (output === undefined) return;
    const { place } = output.encrypted;
    if (purpose === 'value') throw refuseSelection(place, 'a query inside of an expression or of another result gives it');
    if (nodesAt(node, 'setOperations').length > 0) throw refuseSelection(place, 'the result is put together from several queries');
    if (nodesAt(node, 'frontModifiers').some((one) => one['modifier'] === 'Distinct')) throw refuseExpression(place);
  }

  #insert(node: Node, outer: Scope, purpose: Purpose): Planned {
    const scope = new Scope(outer);
    const named = this.#with(node, scope);
    const into = nodeAt(node, 'into');
    const target = into === undefined ? undefined : this.#target(into, scope).relation;
    const { values, rows } = this.#inserted(node, scope, target);
    const conflict = target === undefined ? {} : this.#conflict(node, scope, target, rows, purpose);
    const returned = this.#returned(node, scope);
    const known = { ...named, into, columns: node['columns'], ...(values === undefined ? {} : { values }), ...conflict, ...returned.members };
    return { node: this.#rest(node, known, scope, []), outputs: returned.outputs, hidden: returned.hidden };
  }

  #inserted(node: Node, scope: Scope, target: Relation | undefined): { readonly values: Node | undefined; readonly rows: InsertedRows | undefined } {
    const values = nodeAt(node, 'values');
    const columns = nodesAt(node, 'columns');
    if (values === undefined) return { values, rows: undefined };
    const encrypted = target?.columns ?? new Map<string, VisibleColumn>();
    if (values.kind !== 'ValuesNode') {
      const isWritten = columns.length === 0 || columns.some((column) => encrypted.has(keyOf(nameOf(column)!)));
      if (encrypted.size > 0 && isWritten) throw refuseSource(target!.alias);
      return { values: this.#expressions.checked(values, scope), rows: undefined };
    }
    const rows = new InsertedRows(columns, values);
    rows.encrypt(new Map([...encrypted].map(([name, column]) => [name, column.encrypted])));
    return { values: { ...values, values: rows.lists(scope, this.#expressions) }, rows };
  }

  #conflict(node: Node, outer: Scope, target: Relation, rows: InsertedRows | undefined, purpose: Purpose): Record<string, unknown> {
    const scope = new Scope(outer);
    scope.relations.push(target, { alias: 'excluded', table: tableNamed('excluded'), columns: target.columns, hidden: [] });
    const onConflict = nodeAt(node, 'onConflict');
    const onDuplicateKey = nodeAt(node, 'onDuplicateKey');
    const assumed = new Set<string>();
    const proposed: Proposed = {
      valueOf: (context) => rows?.common(context),
      has: (column) => rows?.has(column) === true,
      guard: (value, contexts) => {
        for (const context of contexts) assumed.add(context);
        return onConflict === undefined ? failingElsewhere(value, contexts) : value;
      },
    };
    const updated = (clause: Node): Node[] => changed(nodesAt(clause, 'updates'), scope, this.#expressions, [target], () => new Map(), proposed);
    if (onDuplicateKey !== undefined) return { onDuplicateKey: { ...onDuplicateKey, updates: updated(onDuplicateKey) } };
    if (onConflict === undefined) return {};
    const clashing = nodesAt(onConflict, 'columns').map((column) => target.columns.get(keyOf(nameOf(column)!))).find((column) => column !== undefined);
    if (clashing !== undefined) throw refuseExpression(clashing.encrypted.place);
    const known = { columns: onConflict['columns'], ...(onConflict['updates'] === undefined ? {} : { updates: updated(onConflict) }) };
    const checked = this.#rest(onConflict, known, scope, []);
    return { onConflict: assumed.size === 0 ? checked : this.#guardedConflict(checked, target, [...assumed], rows, purpose) };
  }

  /** Leaves rows of another place alone: a value for here would not decrypt there. */
  #guardedConflict(onConflict: Node, target: Relation, contexts: readonly string[], rows: InsertedRows | undefined, purpose: Purpose): Node {
    if (purpose !== 'rows') throw refuseConflictWithin(target.alias);
    const own = nodeAt(nodeAt(onConflict, 'updateWhere') ?? onConflict, 'where');
    const guard = contexts.map((name) => equal(reference(name, target.table), reference(name, tableNamed('excluded')))).reduce(both);
    // A condition of its own may leave rows alone, too: then their number tells nothing.
    if (own === undefined) this.#guarded = { table: target.alias, context: contexts[0]!, rows: rows?.count ?? 0 };
    return { ...onConflict, updateWhere: { kind: 'WhereNode', where: own === undefined ? guard : both(inParens(own), guard) } };
  }

  #update(node: Node, outer: Scope): Planned {
    const scope = new Scope(outer);
    const named = this.#with(node, scope);
    const table = nodeAt(node, 'table')!;
    const tables = table.kind === 'ListNode' ? nodesAt(table, 'items') : [table];
    const targets = tables.map((one) => this.#target(one, scope));
    const newTable = table.kind === 'ListNode' ? { ...table, items: targets.map((one) => one.node) } : targets[0]!.node;
    const from = this.#from(node, 'from', scope);
    const joins = this.#joins(node, scope);
    // MySQL sets columns of joined tables, too; UPDATE ... FROM of others sets those of its table alone.
    const reachable = node['from'] === undefined ? scope.relations : [targets[0]!.relation];
    const where = nodeAt(nodeAt(node, 'where') ?? node, 'where');
    const updates = changed(nodesAt(node, 'updates'), scope, this.#expressions, reachable, (relation) => demanded(where, scope, relation));
    const returned = this.#returned(node, scope);
    const known = { ...named, table: newTable, ...from, ...joins, ...(node['updates'] === undefined ? {} : { updates }), ...returned.members };
    return { node: this.#rest(node, known, scope, []), outputs: returned.outputs, hidden: returned.hidden };
  }

  #delete(node: Node, outer: Scope): Planned {
    const scope = new Scope(outer);
    const named = this.#with(node, scope);
    const from = nodeAt(node, 'from')!;
    const newFrom = { from: { ...from, froms: nodesAt(from, 'froms').map((one) => this.#target(one, scope).node) } };
    const using = nodeAt(node, 'using');
    const newUsing = using === undefined ? {} : { using: { ...using, tables: nodesAt(using, 'tables').map((one) => this.#source(one, scope).node) } };
    const joins = this.#joins(node, scope);
    const returned = this.#returned(node, scope);
    return { node: this.#rest(node, { ...named, ...newFrom, ...newUsing, ...joins, ...returned.members }, scope, []), outputs: returned.outputs, hidden: returned.hidden };
  }

  #merge(node: Node, outer: Scope): Planned {
    const scope = new Scope(outer);
    const named = this.#with(node, scope);
    const { node: into, relation: target } = this.#target(nodeAt(node, 'into')!, scope);
    const using = nodeAt(node, 'using');
    const newUsing = using === undefined ? {} : { using: this.#join(using, scope) };
    const on = nodeAt(nodeAt(using ?? node, 'on') ?? node, 'on');
    const whens = nodesAt(node, 'whens').map((when) => this.#when(when, on, scope, target));
    const returned = this.#returned(node, scope);
    return { node: this.#rest(node, { ...named, into, ...newUsing, whens, ...returned.members }, scope, []), outputs: returned.outputs, hidden: returned.hidden };
  }

  #when(when: Node, on: Node | undefined, scope: Scope, target: Relation): Node {
    const condition = nodeAt(when, 'condition')!;
    const result = nodeAt(when, 'result');
    const checked = { ...when, condition: this.#expressions.checked(condition, scope) };
    if (result === undefined) return checked;
    if (result.kind === 'InsertQueryNode') {
      const { values } = this.#inserted(result, scope, target);
      return { ...checked, result: this.#rest(result, { columns: result['columns'], ...(values === undefined ? {} : { values }) }, scope, []) };
    }
    if (result.kind === 'UpdateQueryNode') {
      const knownOf = (relation: Relation): Map<string, unknown> => new Map([...demanded(on, scope, relation), ...demanded(condition, scope, relation)]);
      const updates = changed(nodesAt(result, 'updates'), scope, this.#expressions, [target], knownOf);
      return { ...checked, result: this.#rest(result, { updates }, scope, []) };
    }
    return { ...checked, result: this.#expressions.checked(result, scope) };
  }

  /** RETURNING, and OUTPUT of SQL Server, which names its rows otherwise: that one is refused where it could matter. */
  #returned(node: Node, scope: Scope): { readonly members: Record<string, unknown>; readonly outputs: readonly Output[]; readonly hidden: readonly string[] } {
    const returning = nodeAt(node, 'returning');
    const output = nodeAt(node, 'output');
    const [target] = scope.relations;
    if (output !== undefined && target !== undefined && target.columns.size > 0) throw refuseDefinition(target.alias, 'OUTPUT is not known here', 'read the rows with a query of its own');
    const { selections, outputs, hidden } = returning === undefined ? NOTHING : this.#selections.read(nodesAt(returning, 'selections'), scope);
    return { members: returning === undefined ? {} : { returning: { ...returning, selections } }, outputs, hidden };
  }

  #with(node: Node, scope: Scope): Record<string, unknown> {
    const named = nodeAt(node, 'with');
    if (named === undefined) return {};
    const expressions = nodesAt(named, 'expressions').map((one) => {
      const label = nodeAt(one, 'name')!;
      const name = nameOf(nodeAt(label, 'table'))!;
      const table = tableNamed(name);
      // Known to itself, where it is recursive: what it gives is put together from several queries then, and not encrypted.
      scope.named.set(keyOf(name), { alias: keyOf(name), table, columns: new Map(), hidden: [] });
      const inner = nodeAt(one, 'expression')!;
      const planned = this.#statement(inner, scope, 'relation') ?? { node: this.#expressions.checked(inner, scope), outputs: [], hidden: [] };
      if (planned.outputs.length > 0 && nodesAt(label, 'columns').length > 0) throw refuseSelection(planned.outputs[0]!.encrypted.place, `${name} gives its columns other names`);
      scope.named.set(keyOf(name), relationOf(name, planned));
      return { ...one, expression: planned.node };
    });
    return { with: { ...named, expressions } };
  }

  #from(node: Node, member: string, scope: Scope): Record<string, unknown> {
    const from = nodeAt(node, member);
    if (from === undefined) return {};
    return { [member]: { ...from, froms: nodesAt(from, 'froms').map((one) => this.#source(one, scope).node) } };
  }

  #joins(node: Node, scope: Scope): Record<string, unknown> {
    return node['joins'] === undefined ? {} : { joins: nodesAt(node, 'joins').map((one) => this.#join(one, scope)) };
  }

  #join(join: Node, scope: Scope): Node {
    const table = this.#source(nodeAt(join, 'table')!, scope).node;
    return this.#rest(join, { table }, scope, []);
  }

  /** What is written is a table, even where a common table expression has its name. */
  #target(node: Node, scope: Scope): { readonly node: Node; readonly relation: Relation } {
    const inner = node.kind === 'AliasNode' ? nodeAt(node, 'node')! : node;
    const name = inner.kind === 'TableNode' ? nameOf(inner)! : undefined;
    const columns = name === undefined ? undefined : visible(this.#tables, name, schemaOf(inner));
    if (name === undefined || columns === undefined || columns.size === 0) return this.#source(node, scope);
    const alias = node.kind === 'AliasNode' ? nameOf(nodeAt(node, 'alias')) : undefined;
    const relation = { ...called(inner, alias), columns, hidden: [] };
    scope.relations.push(relation);
    return { node, relation };
  }

  /** A table, a query or anything else that stands where tables do. */
  #source(node: Node, scope: Scope): { readonly node: Node; readonly relation: Relation } {
    const inner = node.kind === 'AliasNode' ? nodeAt(node, 'node')! : node;
    const alias = node.kind === 'AliasNode' ? nameOf(nodeAt(node, 'alias')) : undefined;
    const { source, relation } = this.#relation(inner, alias, scope);
    scope.relations.push(relation);
    return { node: node === inner ? source : { ...node, node: source }, relation };
  }

  #relation(node: Node, alias: string | undefined, scope: Scope): { readonly source: Node; readonly relation: Relation } {
    if (node.kind === 'TableNode') {
      const name = nameOf(node)!;
      const schema = schemaOf(node);
      const named = schema === undefined ? scope.expression(name) : undefined;
      return { source: node, relation: { ...(named ?? { columns: visible(this.#tables, name, schema), hidden: [] }), ...called(node, alias) } };
    }
    if (node.kind === 'SelectQueryNode' && alias !== undefined) {
      const planned = this.#select(node, scope, 'relation');
      return { source: planned.node, relation: relationOf(alias, planned) };
    }
    return { source: this.#expressions.checked(node, scope), relation: { alias: keyOf(alias ?? ''), table: undefined, columns: new Map(), hidden: [] } };
  }

  /** The members that nobody has looked at yet hold expressions. */
  #rest(node: Node, known: Readonly<Record<string, unknown>>, scope: Scope, outputs: readonly Output[]): Node {
    const afterResult = scope.withResults(new Map(outputs.map(({ name, encrypted }) => [keyOf(name), encrypted.place])));
    const members = Object.entries(node).map(([member, value]) => {
      if (Object.hasOwn(known, member)) return [member, known[member]];
      return [member, mapMember(value, (child) => this.#expressions.checked(child, AFTER_RESULT.has(member) ? afterResult : scope))];
    });
    return { ...(Object.fromEntries(members) as Node), ...known };
  }
}

/** How the rest of a statement names a table. */
function called(table: Node, alias: string | undefined): Pick<Relation, 'alias' | 'table'> {
  return { alias: keyOf(alias ?? nameOf(table)!), table: alias === undefined ? table : tableNamed(alias) };
}

/** The encrypted columns of a table, as a query on it sees them. */
function visible(tables: EncryptedTables, name: string, schema: string | undefined): Map<string, VisibleColumn> {
  return new Map([...tables.of(name, schema)].map(([key, encrypted]) => [key, { name: encrypted.name, encrypted, context: new Map(encrypted.context.map((one) => [one, one])) }]));
}

/** What others see of the result of a query. */
function relationOf(alias: string, { outputs, hidden }: Planned): Relation {
  return { alias: keyOf(alias), table: tableNamed(alias), columns: new Map(outputs.map(({ name, encrypted, context }) => [keyOf(name), { name, encrypted, context }])), hidden };
}

/** For MySQL, which has no condition there: where the row that is met has another context, the statement fails. */
function failingElsewhere(value: Node, contexts: readonly string[]): Node {
  const fragments = ['if('];
  const parameters: Node[] = [];
  contexts.forEach((name, i) => {
    fragments[fragments.length - 1] += `${i === 0 ? '' : ' and '}cast(`;
    fragments.push(' as binary) = cast(values(', ') as binary)');
    parameters.push(reference(name), reference(name));
  });
  fragments[fragments.length - 1] += ', ';
  fragments.push(', (select 1 union all select 2))');
  return { kind: 'RawNode', sqlFragments: fragments, parameters: [...parameters, value] };
}
