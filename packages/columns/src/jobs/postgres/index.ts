/** Jobs over the columns of a PostgreSQL database. */
export { openPostgresColumns } from './database.ts';
export { remedyOf } from './failure.ts';
