/** How this machine's units call this Lockfast, and as whom it opens the key ring for them. */
import { realpathSync, statSync } from 'node:fs';
import { join } from 'node:path';

import { LockfastError } from '@lockfast/core/errors';
import { accountOf, Accounts, type Installation, type RootKeyAccount } from '@lockfast/fleet';
import { expandPath } from '@lockfast/keys';

import { calledAs } from '../called-as.ts';
import type { Session } from '../session.ts';
import type { Workspace } from '../workspace.ts';

const SYSTEM_UNITS = '/etc/systemd/system';

/**
 * For root: the system's units, with the key ring opened as the owner of `lockfast.toml`. For anybody else: one's own
 * units (`systemctl --user`), as oneself.
 *
 * @throws LockfastError `invalid-source`, `source-unavailable` where no unit could get the root key
 */
export function installationOf({ configuration }: Workspace, session: Session): Installation {
  const uid = process.geteuid!();
  const system = uid === 0;
  return {
    lockfast: calledAs(),
    configuration: realpathSync.native(configuration.file),
    unitDirectory: system ? SYSTEM_UNITS : join(session.environment['XDG_CONFIG_HOME'] || join(session.home, '.config'), 'systemd/user'),
    scope: system ? 'system' : 'user',
    rootKey: system ? keeper(configuration, session) : { user: new Accounts().nameOf(uid), uid },
    seenToRun: new Set(),
  };
}

function keeper({ file, namedSources }: Workspace['configuration'], session: Session): RootKeyAccount {
  const owner = accountOf(String(statSync(file).uid));
  if (owner === undefined) throw new LockfastError('invalid-source', `${file} belongs to no account of this machine`, 'give it to whoever keeps the root key, for example: chown root');
  // The first that a unit can have: the one that will open the key ring.
  const source = namedSources.find((uri) => /^(?:file:|credential:|passphrase:[^#])/.test(uri));
  if (source === undefined) {
    throw new LockfastError('invalid-source', `${file} names no key source that a unit could use: nobody answers a prompt there, and its environment is no place for a key`, 'keep the root key in a file: lockfast key source add file:PATH');
  }
  const [, scheme, rest] = /^([a-z]+):(.*)$/s.exec(source)!;
  const account: RootKeyAccount = { user: owner.name, uid: owner.uid };
  if (scheme === 'credential') return { ...account, credential: rest };
  const path = expandPath(rest!, { home: owner.uid === process.geteuid?.() ? session.home : owner.home, directory: join(file, '..') });
  const stats = statSync(path, { throwIfNoEntry: false });
  if (stats === undefined) throw new LockfastError('source-unavailable', `the key source ${source} is not there for ${owner.name}, who owns ${file}`, `put it at ${path}, or give lockfast.toml to whoever has it`);
  if (owner.uid !== 0 && stats.uid !== owner.uid) {
    throw new LockfastError('source-unavailable', `${path} belongs to another account than ${file}, whose owner ${owner.name} opens the key ring for services`, 'let both belong to one account');
  }
  return account;
}
