/** The nodes that a query of Kysely is made of, as far as we ask them: structural, so that nothing of Kysely is imported. */

export interface Node {
  readonly kind: string;
  readonly [member: string]: unknown;
}

/** What holds values of the application, which are none of ours to walk through: a JSON value may look like a node. */
const OPAQUE = new Set(['ValueNode', 'PrimitiveValueListNode']);

export function isNode(value: unknown): value is Node {
  return typeof value === 'object' && value !== null && 'kind' in value && typeof value.kind === 'string' && value.kind.endsWith('Node');
}

export function nodeAt(node: Node, member: string): Node | undefined {
  const value = node[member];
  return isNode(value) ? value : undefined;
}

export function nodesAt(node: Node, member: string): readonly Node[] {
  const value = node[member];
  return Array.isArray(value) ? value.filter(isNode) : [];
}

/** A copy whose members that are nodes, or lists of nodes, went through `change`. */
export function mapNodes(node: Node, change: (child: Node) => Node): Node {
  if (OPAQUE.has(node.kind)) return node;
  return Object.fromEntries(Object.entries(node).map(([member, value]) => [member, mapMember(value, change)])) as Node;
}

export function mapMember(value: unknown, change: (child: Node) => Node): unknown {
  if (Array.isArray(value)) return value.map((one: unknown) => (isNode(one) ? change(one) : one));
  return isNode(value) ? change(value) : value;
}

/** Of a column, an identifier or a table, as it is spelled; undefined for everything else. */
export function nameOf(node: Node | undefined): string | undefined {
  if (node === undefined) return undefined;
  if (node.kind === 'IdentifierNode') return node['name'] as string;
  const inner = { ColumnNode: 'column', TableNode: 'table', SchemableIdentifierNode: 'identifier' }[node.kind];
  return inner === undefined ? undefined : nameOf(nodeAt(node, inner));
}

/** The schema that a table is named with. */
export function schemaOf(table: Node): string | undefined {
  const schemable = nodeAt(table, 'table');
  return schemable === undefined ? undefined : nameOf(nodeAt(schemable, 'schema'));
}

/** The name of the column that a reference, or a column alone, is to; undefined for everything else, `table.*` included. */
export function referredColumn(node: Node): string | undefined {
  return node.kind === 'ReferenceNode' ? nameOf(nodeAt(node, 'column')) : node.kind === 'ColumnNode' ? nameOf(node) : undefined;
}

/** `table.*` */
export function isStarOfTable(node: Node): boolean {
  return node.kind === 'ReferenceNode' && nodeAt(node, 'column')?.kind === 'SelectAllNode';
}

export function identifier(name: string): Node {
  return { kind: 'IdentifierNode', name };
}

export function tableNamed(name: string): Node {
  return { kind: 'TableNode', table: { kind: 'SchemableIdentifierNode', identifier: identifier(name) } };
}

/** @param table none where there is only one that it could be of */
export function reference(column: string, table?: Node): Node {
  return { kind: 'ReferenceNode', column: { kind: 'ColumnNode', column: identifier(column) }, ...(table === undefined ? {} : { table }) };
}

export function aliased(node: Node, name: string): Node {
  return { kind: 'AliasNode', node, alias: identifier(name) };
}

export function parameter(value: unknown): Node {
  return { kind: 'ValueNode', value };
}

export function equal(left: Node, right: Node): Node {
  return { kind: 'BinaryOperationNode', leftOperand: left, operator: { kind: 'OperatorNode', operator: '=' }, rightOperand: right };
}

export function both(left: Node, right: Node): Node {
  return { kind: 'AndNode', left, right };
}

export function inParens(node: Node): Node {
  return { kind: 'ParensNode', node };
}

export function operatorOf(node: Node): string | undefined {
  const operator = nodeAt(node, 'operator');
  return operator?.kind === 'OperatorNode' ? (operator['operator'] as string) : undefined;
}
