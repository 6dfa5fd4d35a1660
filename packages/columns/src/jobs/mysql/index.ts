/** Jobs over the columns of a MySQL or MariaDB database. */
export { openMysqlColumns } from './database.ts';
export { remedyOf } from './failure.ts';
