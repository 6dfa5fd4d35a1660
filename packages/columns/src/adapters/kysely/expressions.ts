/** Everything in a query that is no plain column: nothing in it may touch an encrypted value. */
import type { EncryptedTables } from './encrypted-tables.ts';
import { isNode, isStarOfTable, mapNodes, nameOf, type Node, nodeAt, nodesAt, operatorOf } from './nodes.ts';
import { refuseExpression, refuseRaw, refuseWholeRow } from './refusals.ts';
import type { Scope } from './scope.ts';

/** What a query in an expression is for: `existence` where nobody sees what it selects. */
export type Use = 'value' | 'existence';

const WORD = /[\p{L}_][\p{L}\p{N}_$]*/gu;

export class Expressions {
  /** Whether something computes values of the result, which then are looked at twice. */
  computes = false;
  readonly #tables: EncryptedTables;
  readonly #query: (node: Node, scope: Scope, use: Use) => Node;

  constructor(tables: EncryptedTables, query: (node: Node, scope: Scope, use: Use) => Node) {
    this.#tables = tables;
    this.#query = query;
  }

  /** The same expression, with queries inside of it as they must be. @throws LockfastError `usage` where it touches an encrypted value */
  checked(node: Node, scope: Scope): Node {
    switch (node.kind) {
      case 'SelectQueryNode':
        return this.#query(node, scope, 'value');
      case 'UnaryOperationNode':
        return this.#unary(node, scope);
      case 'BinaryOperationNode':
        // The one question that the database can answer.
        return isNullCheck(node) ? node : this.#inside(node, scope);
      case 'AggregateFunctionNode':
        return this.#aggregate(node, scope);
      case 'ReferenceNode':
      case 'ColumnNode':
        return this.#reference(node, scope);
      case 'TableNode':
        if (scope.isWholeRow(node)) throw refuseWholeRow(nameOf(node)!);
        return node;
      case 'SelectModifierNode':
        // FOR UPDATE OF a table: not its row.
        return nodeAt(node, 'rawModifier') === undefined ? node : { ...node, rawModifier: this.checked(nodeAt(node, 'rawModifier')!, scope) };
      case 'RawNode':
        return this.#raw(node, scope);
      case 'FunctionNode':
        this.computes = true;
        return this.#inside(node, scope);
      default:
        return this.#inside(node, scope);
    }
  }

  /** SQL of one's own may say anything: what names an encrypted column, or a table that has one, is not understood. */
  refuseWords(node: Node, scope: Scope): void {
    for (const word of wordsOf(node)) {
      if (this.#tables.isTable(word)) throw refuseRaw(word);
      const place = scope.columnNamed(word);
      if (place !== undefined) throw refuseRaw(place);
    }
  }

  #inside(node: Node, scope: Scope): Node {
    return mapNodes(node, (child) => this.checked(child, scope));
  }

  #reference(node: Node, scope: Scope): Node {
    const place = scope.placeOf(node);
    if (place !== undefined) throw refuseExpression(place);
    if (isStarOfTable(node)) {
      const relation = scope.relation(nodeAt(node, 'table')!);
      if (relation !== undefined && relation.columns.size > 0) throw refuseWholeRow(relation.alias);
      return node;
    }
    if (scope.isWholeRow(node)) throw refuseWholeRow(nameOf(nodeAt(node, 'column'))!);
    return node;
  }

  #unary(node: Node, scope: Scope): Node {
    const operand = nodeAt(node, 'operand');
    if (operand?.kind !== 'SelectQueryNode' || !['exists', 'not exists'].includes(operatorOf(node) ?? '')) return this.#inside(node, scope);
    return { ...node, operand: this.#query(operand, scope, 'existence') };
  }

  /** How many there are, is no secret. */
  #aggregate(node: Node, scope: Scope): Node {
    this.computes = true;
    if (node['func'] !== 'count' || node['distinct'] === true) return this.#inside(node, scope);
    const aggregated = nodesAt(node, 'aggregated').map((one) => (one.kind === 'ReferenceNode' || one.kind === 'ColumnNode' ? one : this.checked(one, scope)));
    return { ...mapNodes({ ...node, aggregated: [] }, (child) => this.checked(child, scope)), aggregated };
  }

  #raw(node: Node, scope: Scope): Node {
    this.computes = true;
    this.refuseWords(node, scope);
    return this.#inside(node, scope);
  }
}

/** The words of SQL of one's own and the names in it, in lower case; queries of the builder inside of it are not part of that. */
export function wordsOf(node: Node): Set<string> {
  const words = new Set<string>();
  const add = (one: Node): void => {
    if (one.kind === 'RawNode') for (const fragment of one['sqlFragments'] as readonly string[]) for (const [word] of fragment.matchAll(WORD)) words.add(word.toLowerCase());
    const name = one.kind === 'IdentifierNode' ? nameOf(one) : undefined;
    if (name !== undefined) words.add(name.toLowerCase());
    if (one.kind.endsWith('QueryNode') || one.kind === 'ValueNode' || one.kind === 'PrimitiveValueListNode' || one.kind === 'ReferenceNode') return;
    for (const value of Object.values(one)) for (const child of Array.isArray(value) ? value : [value]) if (isNode(child)) add(child);
  };
  add(node);
  return words;
}

function isNullCheck(node: Node): boolean {
  const [left, right] = [nodeAt(node, 'leftOperand'), nodeAt(node, 'rightOperand')];
  if (left === undefined || right?.kind !== 'ValueNode' || right['value'] !== null) return false;
  return ['is', 'is not'].includes(operatorOf(node) ?? '') && ['ReferenceNode', 'ColumnNode'].includes(left.kind);
}
