/** In a file of its own: the command's settings know it, and nothing else of instances. Such names mean the same in every database, quoted or not. */
export const INSTANCES_TABLE_NAME: RegExp = /^[a-z_][a-z0-9_]{0,62}(?:\.[a-z_][a-z0-9_]{0,62})?$/;

/** Where none is given. */
export const INSTANCES_TABLE = 'lockfast_instances';
