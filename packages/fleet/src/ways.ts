/**
 * How a service gets its variables. `run`: through `lockfast run`, nothing on a disk. `file`: a `.env` that is there, in
 * memory, while the service runs. `credential`: as a credential of systemd.
 */
export const WAYS = ['run', 'file', 'credential'] as const;
export type Way = (typeof WAYS)[number];
