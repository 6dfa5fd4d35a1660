export { column, Column } from './column.ts';
export { COLUMN_PURPOSE, type ColumnContext, contextOf, placeOf } from './column-context.ts';
export { checkDefinition, type ColumnDefinition, isColumnId } from './column-definition.ts';
export { COLUMN_CHANNEL, type ColumnEvent } from './events.ts';
export { FernetFormat, type FernetKey } from './fernet-format.ts';
export { Lfv1Format } from './lfv1-format.ts';
export { ringFernetKeys } from './ring-fernet-keys.ts';
export type { FormatName, OpenedValue, Storage, Stored, StoredFormat, ValueToSeal } from './stored-format.ts';
export { type JsonValue, VALUE_TYPES, type ValueType, type ValueTypeName, type ValueTypes } from './value-type.ts';
