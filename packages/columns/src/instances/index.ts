/** The table in which running applications say which keys they hold. */
export { type InstancePlace, InstanceReport, reportInstance } from './instance-report.ts';
export { instanceOf, noInstances, type ReportedInstance } from './reported-instance.ts';
export { type InstanceDatabase, type InstanceStatements, instanceStatements } from './statements.ts';
export { INSTANCES_TABLE, INSTANCES_TABLE_NAME } from './table-name.ts';
