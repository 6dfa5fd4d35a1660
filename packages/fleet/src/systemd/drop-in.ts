/** What Lockfast adds to a tenant's unit, for each of the three ways: a drop-in, never a change of the unit's own file. */
import { LockfastError } from '@lockfast/core/errors';

import type { Tenant } from '../fleet.ts';
import { type ExecLine, readExecLine } from './exec-line.ts';
import type { Installation } from './installation.ts';
import { quotePath, quoteWord, type ServiceSettings } from './unit-text.ts';

/** In `<unit>.d`. */
export const DROP_IN = '50-lockfast.conf';
export const DROP_IN_HEAD = '# Made by `lockfast tenant install`, and removed by `lockfast tenant uninstall`. It holds no secret.';
/** Of the way `credential`: what decrypts before the unit starts. */
export const CREDENTIAL_UNIT = 'lockfast-credential@.service';

/** A unit as it is without Lockfast. */
export interface PlainUnit {
  readonly name: string;
  readonly settings: ServiceSettings;
  /** Who it runs as; undefined where systemd makes an account for it (`DynamicUser=`). */
  readonly uid: number | undefined;
  /** The names that the tenant's files set, which an encrypted file shows. */
  readonly variables: ReadonlySet<string>;
}

/** Whether `lockfast run` can open the key ring as the unit's own account, inside its sandbox. Else root does it before. */
function opensItself({ settings, uid }: PlainUnit, { scope, rootKey }: Installation): boolean {
  if (scope === 'user') return true;
  const closed = (name: string): boolean => !['', 'no', 'false', 'off', '0'].includes(settings.text(name));
  const narrowed = ['ReadOnlyPaths', 'InaccessiblePaths', 'TemporaryFileSystem', 'ReadOnlyDirectories', 'InaccessibleDirectories'].some((name) => settings.list(name).length > 0);
  return uid === rootKey.uid && !narrowed && !['ProtectSystem', 'ProtectHome', 'PrivateUsers', 'PrivateNetwork'].some(closed);
}

/** @throws LockfastError `usage` where the unit can't be served this way */
export function dropInFor(tenant: Tenant, unit: PlainUnit, installation: Installation): string {
  const { settings } = unit;
  const lines = { run: forRun, file: forFile, credential: forCredential }[tenant.way](tenant, unit, installation);
  return [DROP_IN_HEAD, `# Tenant ${tenant.name}, way ${tenant.way}.`, ...lines.unit, '[Service]', ...environmentFiles(tenant, settings), ...lines.service, ''].join('\n');
}

/** Of the way `credential`, one unit for all tenants. */
export function credentialUnit(installation: Installation): string {
  const directory = '%t/lockfast-credential/%i';
  const { credential } = installation.rootKey;
  return [
    DROP_IN_HEAD,
    '[Unit]',
    'Description=Variables of %i, decrypted for its service',
    // Each start of the service is one of this unit: the service's own limit decides. One that is refused here would not be tried again.
    'StartLimitIntervalSec=0',
    '[Service]',
    'Type=oneshot',
    'RuntimeDirectory=lockfast-credential/%i',
    'RuntimeDirectoryMode=0700',
    'RuntimeDirectoryPreserve=yes',
    'UMask=0077',
    ...(credential === undefined ? [] : [`LoadCredentialEncrypted=${credential}`]),
    `ExecStart=${calling(installation, ['tenant', 'open', '%i', '--into', directory, '--form', 'credential'])}${asKeeper(installation)}`,
    '',
  ].join('\n');
}

interface Lines {
  readonly unit: readonly string[];
  readonly service: readonly string[];
}

function forRun(tenant: Tenant, unit: PlainUnit, installation: Installation): Lines {
  const { settings, name } = unit;
  if (settings.flag('MemoryDenyWriteExecute')) throw unservable(name, 'MemoryDenyWriteExecute=yes, under which Node does not run', 'choose way = "file" or "credential"');
  if (settings.text('RootDirectory') !== '' || settings.text('RootImage') !== '') throw unservable(name, 'a root directory of its own, in which there is no lockfast', 'choose way = "file" or "credential"');
  const starts = execLines(unit, 'ExecStart');
  if (starts.length === 0) throw unservable(name, 'no ExecStart=', 'give the unit one');
  const before = execLines(unit, 'ExecStartPre');
  const filled = [...before, ...starts].flatMap(({ variables }) => variables).find((variable) => unit.variables.has(variable));
  if (filled !== undefined) {
    throw unservable(name, `\${${filled}} in a command line: systemd fills it in before lockfast could`, 'start it through a shell, as in ExecStart=/bin/sh -c \'exec /srv/app --port "$$PORT"\', or choose way = "file"');
  }
  const through = (words: readonly string[]) => ({ prefixes, command }: ExecLine): string => `${prefixes}${calling(installation, words, prefixes.includes(':'))} -- ${command}`;
  const reset = (setting: string, lines: readonly string[]): string[] => [`${setting}=`, ...lines.map((line) => `${setting}=${line}`)];
  if (opensItself(unit, installation)) {
    const run = through(['run', '--tenant', tenant.name]);
    return { unit: [], service: [...(before.length === 0 ? [] : reset('ExecStartPre', before.map(run))), ...reset('ExecStart', starts.map(run))] };
  }
  const file = `${runtimeDirectory(tenant)}/variables`;
  const run = through(['run', '--prepared', file]);
  // What is read once is gone at once; more commands than one read it one after the other.
  const form = before.length + starts.length > 1 ? 'shared' : 'once';
  return {
    unit: [],
    service: [
      ...runtime(tenant, settings),
      ...reset('ExecStartPre', [`+${calling(installation, ['tenant', 'open', tenant.name, '--into', runtimeDirectory(tenant), '--form', form])}${asKeeper(installation)}`, ...before.map(run)]),
      ...reset('ExecStart', starts.map(run)),
      `ExecStopPost=+-/bin/rm -f ${file}`,
    ],
  };
}

function forFile(tenant: Tenant, { settings }: PlainUnit, installation: Installation): Lines {
  const before = settings.list('ExecStartPre');
  const call = (verb: string): string => `${installation.scope === 'user' ? '' : '+'}${calling(installation, ['tenant', verb, tenant.name, '--into', runtimeDirectory(tenant)])}${asKeeper(installation)}`;
  return {
    unit: [],
    service: [
      ...runtime(tenant, settings),
      ...(before.length === 0 ? [] : ['ExecStartPre=']),
      `ExecStartPre=${call('open')}`,
      ...before.map((line) => `ExecStartPre=${line}`),
      `ExecStopPost=${call('close')}`,
    ],
  };
}

function forCredential(tenant: Tenant, _unit: PlainUnit, { scope }: Installation): Lines {
  const directory = `%t/lockfast-credential/${tenant.name}`;
  const opener = CREDENTIAL_UNIT.replace('@', () => `@${tenant.name}`);
  return {
    unit: ['[Unit]', `Requires=${opener}`, `After=${opener}`],
    service: [`LoadCredential=env:${directory}/env`, `LoadCredential=variable:${directory}/variables`, `ExecStopPost=${scope === 'user' ? '-' : '+-'}/bin/rm -rf ${directory}`],
  };
}

/** Made by systemd for the unit's own account, whoever that is, and removed with it however it ends. */
function runtime({ name }: Tenant, settings: ServiceSettings): string[] {
  // The mode is one for all such directories of a unit; the files in ours are for their owner alone in any case.
  return [`RuntimeDirectory=lockfast/${name}`, ...(settings.list('RuntimeDirectory').length === 0 ? ['RuntimeDirectoryMode=0700'] : [])];
}

function runtimeDirectory({ name }: Tenant): string {
  return `%t/lockfast/${name}`;
}

/** The plaintext file is named no more, or may be missing: systemd reads it before every command, the one that makes it too. */
function environmentFiles({ plainFile, way }: Tenant, settings: ServiceSettings): string[] {
  const files = settings.list('EnvironmentFile');
  const isPlain = (value: string): boolean => value.replace(/^-/, '').replaceAll('%%', '%') === plainFile;
  if (!files.some(isPlain)) return [];
  const kept = files.flatMap((value) => (!isPlain(value) ? [value] : way === 'file' ? [`-${quotePath(plainFile)}`] : []));
  return ['EnvironmentFile=', ...kept.map((value) => `EnvironmentFile=${value}`)];
}

function execLines({ settings, name }: PlainUnit, setting: string): ExecLine[] {
  return settings.list(setting).map((value) => readExecLine(value, `${name}, ${setting}=`));
}

/** A command line that calls Lockfast. @param words quoted where they need it. @param colon whether it stands behind the prefix `:`, where systemd fills in nothing */
export function calling({ lockfast: [program, ...rest], configuration }: Installation, words: readonly string[], colon = false): string {
  const quote = (word: string): string => quoteWord(word, colon ? 'as they are' : 'filled-in');
  return [quoteWord(program!, 'as they are'), ...rest.map(quote), ...words, '--config', quote(configuration)].join(' ');
}

function asKeeper({ scope, rootKey }: Installation): string {
  return scope === 'user' ? '' : ` --as ${quoteWord(rootKey.user)}`;
}

function unservable(unit: string, what: string, hint: string): LockfastError {
  return new LockfastError('usage', `${unit} has ${what}`, hint);
}
