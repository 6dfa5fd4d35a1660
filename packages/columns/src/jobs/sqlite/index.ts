/** Jobs over the columns of a SQLite database. */
export { openSqliteColumns } from './database.ts';
export { remedyOf } from './failure.ts';
