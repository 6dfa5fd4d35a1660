/** What a query selects: which of it is encrypted, and where the context of that is. */
import type { EncryptedColumn } from './encrypted-tables.ts';
import type { Expressions } from './expressions.ts';
import { hiddenName, isHiddenName } from './hidden-names.ts';
import { aliased, isStarOfTable, nameOf, type Node, nodeAt, reference, referredColumn } from './nodes.ts';
import { refuseAmbiguous, refuseExpression } from './refusals.ts';
import type { Relation, Scope, VisibleColumn } from './scope.ts';

/** An encrypted column of a result. */
export interface Output {
  /** Its name in the result. */
  readonly name: string;
  readonly encrypted: EncryptedColumn;
  /** The names in the result that hold its context, by the names of the context columns. */
  readonly context: ReadonlyMap<string, string>;
}

export interface Selected {
  readonly selections: readonly Node[];
  readonly outputs: readonly Output[];
  /** Names in the result that nobody asked for. */
  readonly hidden: readonly string[];
}

interface Pick {
  readonly name: string;
  readonly relation: Relation;
  readonly column: VisibleColumn;
}

export class Selections {
  readonly #expressions: Expressions;

  constructor(expressions: Expressions) {
    this.#expressions = expressions;
  }

  /** @throws LockfastError `usage` where an encrypted column is selected and can't be told from another */
  read(nodes: readonly Node[], scope: Scope): Selected {
    const plain: Node[] = [];
    const picks: Pick[] = [];
    const stars: Relation[] = [];
    /** Names that are given to single columns, as they are spelled. */
    const names: string[] = [];
    /** Those that were added before. */
    const added = new Set<string>();
    for (const node of nodes) {
      const selection = nodeAt(node, 'selection') ?? node;
      if (selection.kind === 'SelectAllNode') stars.push(...scope.relations);
      else if (isStarOfTable(selection)) stars.push(...relationOf(selection, scope));
      else {
        const { column, name } = unaliased(selection);
        if (name !== undefined && isHiddenName(name)) added.add(name);
        else if (name !== undefined) names.push(name);
        const found = scope.find(column);
        if (found !== undefined) {
          if (name === undefined) throw refuseExpression(found.column.encrypted.place);
          picks.push({ name, ...found });
        } else {
          const checked = this.#expressions.checked(selection, scope);
          plain.push(node === selection ? checked : { ...node, selection: checked });
          continue;
        }
      }
      plain.push(node);
    }
    for (const relation of stars) for (const column of relation.columns.values()) if (!relation.hidden.includes(column.name)) picks.push({ name: column.name, relation, column });
    refuseTwins(picks, names);
    return withContext(plain, picks, stars, { names, added }, scope);
  }
}

function withContext(nodes: readonly Node[], picks: readonly Pick[], stars: readonly Relation[], { names, added }: { readonly names: readonly string[]; readonly added: Set<string> }, scope: Scope): Selected {
  const selections = [...nodes];
  const alone = scope.relations.length === 1;
  const given = new Set(names.map((name) => name.toLowerCase()));
  const placeOf = (relation: Relation, name: string): string => {
    // The context that was selected anyway, where nothing else can have its name.
    if (alone && stars.length > 0 && !given.has(name.toLowerCase())) return name;
    const hidden = hiddenName(relation.alias, name);
    if (!added.has(hidden)) selections.push({ kind: 'SelectionNode', selection: aliased(reference(name, alone ? undefined : relation.table), hidden) });
    added.add(hidden);
    return hidden;
  };
  const outputs = picks.map(({ name, relation, column }): Output => ({ name, encrypted: column.encrypted, context: new Map([...column.context].map(([context, held]) => [context, placeOf(relation, held)])) }));
  return { selections, outputs, hidden: [...new Set([...stars.flatMap((relation) => relation.hidden), ...added])] };
}

function relationOf(star: Node, scope: Scope): Relation[] {
  const relation = scope.relation(nodeAt(star, 'table')!);
  return relation === undefined ? [] : [relation];
}

/** A selection and its name in the result; undefined where it has none that we know. */
function unaliased(selection: Node): { readonly column: Node; readonly name: string | undefined } {
  const inner = selection.kind === 'AliasNode' ? nodeAt(selection, 'node') : undefined;
  return inner === undefined ? { column: selection, name: referredColumn(selection) } : { column: inner, name: nameOf(nodeAt(selection, 'alias')) };
}

/** Two columns of one name: a driver hands out one of them, and which one is not known. */
function refuseTwins(picks: readonly Pick[], names: readonly string[]): void {
  const count = new Map<string, number>();
  const all = [...names, ...picks.filter(({ name }) => !names.includes(name)).map(({ name }) => name)];
  for (const name of all) count.set(name.toLowerCase(), (count.get(name.toLowerCase()) ?? 0) + 1);
  const twin = picks.find(({ name }, i) => count.get(name.toLowerCase())! > 1 || picks.findIndex((one) => one.name.toLowerCase() === name.toLowerCase()) !== i);
  if (twin !== undefined) throw refuseAmbiguous(twin.name);
}
