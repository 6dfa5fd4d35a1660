/** The configuration of this directory, and what follows from it: key ring, ledger, state directory, whose file a file is. */
import { dirname, join, resolve } from 'node:path';

import { audited } from '@lockfast/core/audited';
import { ENCRYPTED_SUFFIX, type OpenedEnvFile, plaintextOf, USUAL_FILE, type WriteScope, writtenRevision } from '@lockfast/core/env';
import type { Dialect } from '@lockfast/core/env/dialects';
import { LockfastError } from '@lockfast/core/errors';
import type { KeyRing, RingVersion, Secret } from '@lockfast/core/keyring';
import type { AuditEvent, AuditSink } from '@lockfast/core/ports';
import { tenantDirectory, tenantOf } from '@lockfast/fleet/tenant-path';
import { openKeyRing, type RingLocation, type Surroundings } from '@lockfast/keys';
import type { Ledger } from '@lockfast/ledger';

import type { Arguments } from './arguments.ts';
import { type Configuration, DIALECT_NAMES, loadConfiguration, type Role } from './configuration.ts';
import { encryptedEnvFiles } from './env-files.ts';
import { refuseOtherEnvironment } from './other-environment.ts';
import { reasonOf } from './reason.ts';
import { raiseFloor, readFloor } from './ring-floors.ts';
import { ownVariables, secretVariables } from './secret-variables.ts';
import type { Session } from './session.ts';

/** How a file answers that a newer key ring wrote. */
const NEWER_RING_NEEDED: ReadonlySet<string> = new Set(['missing-key', 'ring-older']);

export class Workspace {
  readonly configuration: Configuration;
  readonly stateDirectory: string;
  readonly surroundings: Surroundings;
  readonly #args: Arguments;
  readonly #session: Session;
  #ring: Promise<KeyRing> | undefined;
  #ledger: Promise<Ledger> | undefined;

  constructor(args: Arguments, session: Session) {
    this.#args = args;
    this.#session = session;
    this.configuration = loadConfiguration(args.text('config'), session);
    this.stateDirectory = stateDirectory(session);
    this.surroundings = surroundings(session, dirname(this.configuration.file));
  }

  /** The key ring of this configuration, opened once. */
  ring(): Promise<KeyRing> {
    this.#ring ??= this.#open();
    return this.#ring;
  }

  /** The key ring as it is on the disk now: what is changed must be the present one. */
  async freshRing(): Promise<KeyRing> {
    this.#ring = this.#open();
    return this.#ring;
  }

  /** After this process has written another version of it. */
  ringIs(ring: KeyRing): void {
    this.#ring = Promise.resolve(ring);
  }

  /** @param tenant what `--tenant` said; it must agree with where the file lies */
  async scope(file: string, tenant: string | undefined): Promise<WriteScope> {
    const placed = this.tenantOf(file);
    if (tenant !== undefined && placed !== undefined && tenant !== placed) {
      throw new LockfastError('wrong-tenant', `${file} lies in the directory of the tenant ${placed}`, `give --tenant ${placed}, or name another file`);
    }
    return { ring: await this.ring(), tenant: this.#isShared(file) ? '' : (tenant ?? placed ?? ''), stateDirectory: this.stateDirectory };
  }

  /** What all tenants share is nobody's, whoever it is read for. */
  #isShared(file: string): boolean {
    return resolve(this.#session.directory, file) === this.configuration.fleet?.extends;
  }

  /** The ledger of this configuration, opened once; undefined where none is configured. @throws LockfastError `ledger-unavailable`, `ledger-missing`, `ledger-tampered` */
  async ledger(): Promise<Ledger | undefined> {
    const { ledger } = this.configuration;
    if (ledger === undefined) return undefined;
    this.#ledger ??= import('./ledger-place.ts').then(({ openLedger }) => openLedger(ledger, this.configuration, this.stateDirectory, this.#session));
    return this.#ledger;
  }

  /** For reading: as {@link audit}, unless --break-glass says to go on without. @throws LockfastError `usage` */
  async auditOfReading(): Promise<AuditSink | undefined> {
    if (!this.#args.flag('break-glass')) return this.audit();
    const reason = reasonOf(this.#args);
    if (reason === undefined) throw new LockfastError('usage', '--break-glass needs --reason TEXT', 'say why it can not wait: it goes on record when the ledger is back');
    const [{ BreakGlassSink }, { personBehind }, { shownPlace }] = await Promise.all([import('./break-glass.ts'), import('./permission.ts'), import('./ledger-place.ts')]);
    const { ledger } = this.configuration;
    if (ledger === undefined) return undefined;
    return new BreakGlassSink({
      ledger: () => this.ledger(),
      place: shownPlace(ledger),
      stateDirectory: this.stateDirectory,
      person: personBehind(this.#session).name,
      reason,
      warn: (text) => this.#session.terminal.warn(text),
    });
  }

  /** Where uses of keys are recorded. @throws LockfastError as {@link ledger} */
  async audit(): Promise<AuditSink | undefined> {
    return this.ledger();
  }

  /**
   * Encrypts for one file, on record: the intent is durable before the key ring is opened, so that a wrong key is on
   * record, too.
   *
   * @param tenant what `--tenant` said
   * @param details what the record says beside it, such as the variable that is set
   */
  async encrypting<T>(file: string, tenant: string | undefined, action: (scope: WriteScope) => T | Promise<T>, details?: AuditEvent['details']): Promise<T> {
    const event = this.#fileEvent('encrypt', file, tenant, details);
    await this.#permit('operator', event);
    const { result, ring } = await audited(
      await this.audit(),
      event,
      () => this.#inScope(file, tenant, async (scope) => ({ result: await action(scope), ring: scope.ring })),
      (done) => ({ keyId: done.ring.active().id, details: writtenRevision(event.object) }),
    );
    await this.signIfDue(ring);
    return result;
  }

  /** Opens one file, on record, as {@link encrypting}. */
  async decrypting(
    file: string,
    tenant: string | undefined,
    open: (scope: WriteScope) => OpenedEnvFile | Promise<OpenedEnvFile>,
    { operation = 'decrypt', details }: { readonly operation?: 'decrypt' | 'verify'; readonly details?: AuditEvent['details'] } = {},
  ): Promise<OpenedEnvFile> {
    const event = this.#fileEvent(operation, file, tenant, details);
    await this.#permit(operation === 'verify' ? 'auditor' : 'operator', event);
    const opened = await audited(
      await this.auditOfReading(),
      event,
      () => this.#inScope(file, tenant, open),
      ({ header }) => ({ keyId: header.key, ...(operation === 'verify' ? { details: { revision: header.revision } } : {}) }),
    );
    this.#session.terminal.keepBack(() => plaintextOf(opened));
    await this.signIfDue(await this.ring());
    return opened;
  }

  /**
   * A rotation may come between our reading of the key ring and of the file: the file is under a key then that the ring in
   * hand does not have, and the one on the disk has. Nothing was written yet when that is found.
   */
  async #inScope<T>(file: string, tenant: string | undefined, action: (scope: WriteScope) => T | Promise<T>): Promise<T> {
    const scope = await this.scope(file, tenant);
    try {
      return await action(scope);
    } catch (error) {
      if (!(error instanceof LockfastError) || !NEWER_RING_NEEDED.has(error.code)) throw error;
      const ring = await this.freshRing();
      if (ring.version.generation <= scope.ring.version.generation) throw error;
      return action({ ...scope, ring });
    }
  }

  /** Signs the ledger when it is time to. What was done is on record by then, so that a state directory that can't be written is no reason to fail. */
  async signIfDue(ring: KeyRing): Promise<void> {
    if (this.#args.flag('break-glass')) return;
    try {
      await (await this.ledger())?.checkpointIfDue(ring);
    } catch (error) {
      if (!(error instanceof LockfastError) || error.code === 'ledger-rewound') throw error;
      this.#session.terminal.warn(`the ledger was not signed: ${error.message}`);
    }
  }

  /**
   * The end of a change of keys: the ledger is signed, by the ring as it is now, and the witnesses get that. One that fails
   * is a warning: the change is done, and on record.
   *
   * @throws LockfastError as `Ledger.checkpoint`
   */
  async signKeyChange(ring: KeyRing): Promise<void> {
    const ledger = await this.ledger();
    if (ledger === undefined) return;
    await ledger.checkpoint(ring);
    if (this.configuration.witnesses.length === 0) return;
    const { pushSigned } = await import('./ledger/push-signed.ts');
    await pushSigned(this.configuration, ring, this.#session);
  }

  /** @throws LockfastError `not-permitted` */
  async #permit(role: Role, event: AuditEvent): Promise<void> {
    if (this.configuration.roles === undefined) return;
    const { requireRole } = await import('./permission.ts');
    await requireRole(this, this.#session, role, event);
  }

  #fileEvent(operation: string, file: string, tenant: string | undefined, details: AuditEvent['details']): AuditEvent {
    return { operation, object: resolve(this.#session.directory, file), environment: this.configuration.environment, tenant: this.#isShared(file) ? undefined : (tenant ?? this.tenantOf(file)), details };
  }

  /** The encrypted env files that the configuration is about: of the project, and of all tenants. Absolute paths. */
  encryptedFiles(): string[] {
    return encryptedEnvFiles(this.configuration);
  }

  /** The tenant in whose directory `file` lies, by the configured pattern. */
  tenantOf(file: string): string | undefined {
    const { fleet } = this.configuration;
    return fleet === undefined ? undefined : tenantOf(fleet.path, dirname(resolve(this.#session.directory, file)));
  }

  /** The file that a command means when none is named: `.env` here, or in the tenant's directory. */
  usualFile(tenant: string | undefined): string {
    const { fleet } = this.configuration;
    return tenant === undefined || fleet === undefined ? USUAL_FILE : join(tenantDirectory(fleet.path, tenant), USUAL_FILE);
  }

  usualEncryptedFile(tenant: string | undefined): string {
    return this.usualFile(tenant) + ENCRYPTED_SUFFIX;
  }

  /**
   * The layers of a tenant's variables: what all share, then its own file, which wins. A file that belongs to no tenant
   * stands alone, and so does one where nothing is shared.
   *
   * @param tenant what `--tenant` said
   */
  layers(tenant: string | undefined): string[] {
    const file = this.usualEncryptedFile(tenant);
    const shared = this.configuration.fleet?.extends;
    return shared === undefined || (tenant ?? this.tenantOf(file)) === undefined ? [file] : [shared, file];
  }

  dialect(args: Arguments): Dialect {
    const given = args.text('dialect');
    return given !== undefined && isDialect(given) ? given : this.configuration.dialect;
  }

  /** What the application must not find in its environment: the variables of the ring's own sources, too. */
  async keyVariables(): Promise<string[]> {
    return ownVariables(this.configuration, await this.#recordedSources());
  }

  /** What a program that is not the application must not find, either: a command that checks, an editor. */
  async secretVariables(): Promise<string[]> {
    return secretVariables(this.configuration, await this.#recordedSources());
  }

  async #recordedSources(): Promise<string[]> {
    return (await this.ring()).sources.map(({ source }) => source);
  }

  /** The key ring as it is, also when a newer one was seen: to go on with it on purpose, or to look at it. */
  async anyRing(): Promise<KeyRing> {
    return this.#read(undefined);
  }

  async #open(): Promise<KeyRing> {
    let seen: RingVersion | undefined;
    const ring = await this.#read((id) => (seen = readFloor(this.stateDirectory, id)));
    // Usually nothing is new; and `run` has no time for a lock.
    if (seen === undefined || seen.generation < ring.version.generation) await raiseFloor(this.stateDirectory, ring.version);
    return ring;
  }

  async #read(floor: RingLocation['floor']): Promise<KeyRing> {
    const { keyring, keySources } = this.configuration;
    const location = { path: keyring, sources: keySources, ...(floor === undefined ? {} : { floor }) };
    const ring = await openKeyRing(location, this.surroundings).catch((error: unknown) => {
      throw missingRing(error, keyring);
    });
    refuseOtherEnvironment(ring, this.configuration);
    return ring;
  }
}

export function stateDirectory({ environment, home }: Session): string {
  const state = environment['XDG_STATE_HOME'];
  return join(state !== undefined && state.startsWith('/') ? state : join(home, '.local/state'), 'lockfast');
}

export function surroundings({ environment, home }: Session, directory: string): Surroundings {
  return {
    environment,
    home,
    directory,
    askPassphrase: async (question: string): Promise<Secret> => {
      const { askSecret } = await import('./prompt.ts');
      return askSecret(question);
    },
    askShares: async (): Promise<readonly string[]> => {
      const { typedShares } = await import('./key/share-files.ts');
      return typedShares();
    },
  };
}

function isDialect(name: string): name is Dialect {
  return (DIALECT_NAMES as readonly string[]).includes(name);
}

function missingRing(error: unknown, path: string): unknown {
  if (!(error instanceof LockfastError) || error.code !== 'not-found') return error;
  return new LockfastError('ring-missing', `there is no key ring at ${path}`, 'get it from git or a backup; `lockfast init` makes a new one, which opens nothing that exists');
}
