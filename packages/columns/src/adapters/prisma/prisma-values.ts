/** Objects of Prisma's run time, known by their shape: nothing of Prisma is imported. */

export type Args = Readonly<Record<string, unknown>>;

/** Prisma's own mark of `Prisma.DbNull` and the like, the same in every copy of its run time. */
const NULL_MARK = Symbol.for('prisma.objectEnumValue');

/**
 * An object that Prisma reads member by member, of whatever class. One with `toJSON` is none: Prisma asks that instead, and
 * would write what nobody looked at.
 */
export function isArgs(value: unknown): value is Args {
  if (value === null || typeof value !== 'object' || Array.isArray(value) || ArrayBuffer.isView(value) || NULL_MARK in value) return false;
  return !('toJSON' in value && typeof value.toJSON === 'function') && fieldReferenceOf(value) === undefined;
}

/** What Prisma takes as one or as an array of them. */
export function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [value];
}

/** Left out: undefined, or `Prisma.skip`. */
export function isSkipped(value: unknown): boolean {
  return value === undefined || (typeof value === 'object' && value !== null && 'ifUndefined' in value && typeof value.ifUndefined === 'function');
}

/** The members that are not left out. */
export function membersOf(args: Args): [string, unknown][] {
  return Object.entries(args).filter(([, value]) => !isSkipped(value));
}

/** `Prisma.DbNull`, `Prisma.JsonNull` or `Prisma.AnyNull`, else undefined. JSON can't be one: it has no symbols. */
export function nullNameOf(value: unknown): string | undefined {
  // oxlint-disable-next-line no-base-to-string -- its toString is its name
  return value !== null && typeof value === 'object' && NULL_MARK in value ? String(value) : undefined;
}

/** What `prisma.connection.fields.botToken` is: class `FieldRef`, whose members are these. */
export function fieldReferenceOf(value: unknown): { readonly model: string; readonly field: string } | undefined {
  if (value === null || typeof value !== 'object' || !('modelName' in value && 'name' in value && 'typeName' in value && 'isList' in value)) return undefined;
  return typeof value.modelName === 'string' && typeof value.name === 'string' ? { model: value.modelName, field: value.name } : undefined;
}
