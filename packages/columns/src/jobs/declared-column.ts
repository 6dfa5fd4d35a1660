import type { FormatName } from '../stored-format.ts';
import type { TenantKey } from '../tenant-format.ts';
import type { ValueTypeName } from '../value-type.ts';
import type { ColumnTarget } from './database.ts';

/** A column as the configuration declares it: where it lies, and how its values are to be encrypted. */
export interface DeclaredColumn extends ColumnTarget {
  readonly format: FormatName;
  readonly as: ValueTypeName;
  /** `shared` without it. */
  readonly tenantKey?: TenantKey;
  /** The context column that says whose a row is. */
  readonly tenant?: string;
  /** What reports call it: `Webhook Secrets`. */
  readonly title?: string;
}
