// `node bare-rewrite.mjs DIRECTORY`: each file read, written beside itself, synced, renamed, its directory synced: what it
// costs to replace files durably, with nothing that would decrypt or check them.
import { closeSync, fsyncSync, openSync, readdirSync, readFileSync, renameSync, writeSync } from 'node:fs';

const tenants = `${process.argv[2]}/t`;
for (const name of readdirSync(tenants)) {
  const directory = `${tenants}/${name}`;
  const bytes = readFileSync(`${directory}/.env.encrypted`);
  const temp = openSync(`${directory}/.env.encrypted.tmp`, 'wx', 0o400);
  writeSync(temp, bytes);
  fsyncSync(temp);
  closeSync(temp);
  renameSync(`${directory}/.env.encrypted.tmp`, `${directory}/.env.encrypted`);
  const entries = openSync(directory, 'r');
  fsyncSync(entries);
  closeSync(entries);
}
