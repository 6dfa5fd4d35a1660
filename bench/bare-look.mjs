// `node bare-look.mjs DIRECTORY`: each file looked at, read and hashed: what it costs to see that they are whole.
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, statSync } from 'node:fs';

const tenants = `${process.argv[2]}/t`;
let bytes = 0;
for (const name of readdirSync(tenants)) {
  const file = `${tenants}/${name}/.env.encrypted`;
  bytes += statSync(file).size;
  createHash('sha256').update(readFileSync(file)).digest();
}
console.log(bytes);
