/** What Lockfast needs of a machine, whatever the project. */
import { accessSync, constants, existsSync, readFileSync } from 'node:fs';
import { dirname } from 'node:path';

import { findCommand } from '../child/find-command.ts';
import { createMemoryFile } from '../env/memory-file.ts';
import type { Session } from '../session.ts';
import { stateDirectory } from '../workspace.ts';
import { type Check, failure, good, refused, warning } from './check.ts';

const LEAST_NODE = 24;

export function machineChecks(session: Session): Check[] {
  return [node(), platform(), stateCheck(session), memoryFileSystem(session), editor(session), coreDumps()];
}

function node(): Check {
  const major = Number(process.versions.node.split('.')[0]);
  return major >= LEAST_NODE ? good('node', process.version) : failure('node', process.version, `install Node ${LEAST_NODE} or newer`);
}

function platform(): Check {
  const detail = `${process.platform} ${process.arch}`;
  if (process.platform === 'linux') return good('platform', detail);
  return process.platform === 'darwin' ? warning('platform', `${detail}, which is not tested`, 'report what does not work') : failure('platform', detail, 'run it on Linux');
}

/** Reading works without it, as in a read-only container; so this is a warning. */
function stateCheck(session: Session): Check {
  const name = 'state directory';
  const directory = stateDirectory(session);
  try {
    accessSync(nearestExisting(directory), constants.W_OK | constants.X_OK);
    return good(name, directory);
  } catch {
    return warning(name, `${directory} can't be written`, 'secrets can be read, not changed, and an older key ring that is put back is not noticed: set XDG_STATE_HOME to a writable directory');
  }
}

function nearestExisting(path: string): string {
  return existsSync(path) || path === dirname(path) ? path : nearestExisting(dirname(path));
}

/** The very file that `env edit` would make, made empty and wiped. */
function memoryFileSystem({ environment }: Session): Check {
  const name = 'memory file system';
  try {
    const file = createMemoryFile('probe', new Uint8Array(), environment['XDG_RUNTIME_DIR']);
    file.wipe();
    return good(name, `${dirname(dirname(file.path))}, for \`env edit\``);
  } catch (error) {
    return warning(name, ...refused(error));
  }
}

function editor({ environment }: Session): Check {
  const name = 'editor';
  const command = environment['VISUAL'] || environment['EDITOR'];
  if (command === undefined || command === '') return warning(name, 'neither VISUAL nor EDITOR is set', '`env edit` needs one: set EDITOR to the editor that you like');
  const variable = environment['VISUAL'] ? 'VISUAL' : 'EDITOR';
  const [program = ''] = command.trim().split(/\s+/);
  // It goes through a shell: what is quoted or expanded there is not ours to guess.
  if (!/^[\w./+-]+$/.test(program)) return good(name, `${variable} is set`);
  try {
    return good(name, findCommand(program, environment['PATH']));
  } catch {
    return warning(name, `the program that ${variable} names was not found`, `install it, or set ${variable} to another one`);
  }
}

/** A core file of a process that holds a key holds the key: core(5). */
function coreDumps(): Check {
  const name = 'core dumps';
  const soft = coreLimit();
  if (soft === '0') return good(name, 'off');
  if (soft === undefined) return warning(name, 'the limit can not be read here', 'check it with: ulimit -c');
  return warning(name, `a crash may write memory to a file, up to ${soft === 'unlimited' ? 'any size' : `${soft} bytes`}`, 'set `ulimit -c 0`, or LimitCORE=0 in the unit');
}

function coreLimit(): string | undefined {
  try {
    return /^Max core file size\s+(\S+)/m.exec(readFileSync('/proc/self/limits', 'utf8'))?.[1];
  } catch {
    return undefined;
  }
}
