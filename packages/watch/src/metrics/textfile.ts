import { LockfastError } from '@lockfast/core/errors';
import { writeDurably } from '@lockfast/core/files';

/** For node_exporter's textfile collector, which reads whole files that end in `.prom`, as another user. @throws LockfastError `usage`, and as `writeDurably` */
export function writeTextfile(path: string, text: string): void {
  if (!path.endsWith('.prom')) throw new LockfastError('usage', 'the textfile does not end in .prom', 'node_exporter reads no other: for example /var/lib/prometheus/node-exporter/lockfast.prom');
  writeDurably({ path, bytes: Buffer.from(text), mode: 0o644, expected: 'anything' });
}
