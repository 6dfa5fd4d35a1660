/** Machines that each run one application, with a copy of the key ring that a release brings them. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

import type { KeyRing } from '@lockfast/core/keyring';
import { openKeyRing } from '@lockfast/keys';
import { expect, onTestFinished } from 'vitest';

import type { ColumnProject } from './columns.ts';
import type { LiveOrder, LiveResult } from './live-order.ts';

const PROGRAM = fileURLToPath(new URL('live-application.ts', import.meta.url));

export const ACCOUNTS = `
[databases.app]
url = "env:DATABASE_URL"
instances = "lockfast_instances"

[[columns]]
id = "accounts.secret"
database = "app"
table = "accounts"
column = "secret"
context = ["org"]
`;

/** What is no value under some key is refused by the table itself. */
export const ACCOUNTS_TABLE = `CREATE TABLE accounts (id int PRIMARY KEY, org text NOT NULL, secret text NOT NULL CONSTRAINT no_plaintext CHECK (secret LIKE 'lfv1.%'));`;

export class LiveMachine {
  readonly host: string;
  readonly #ring: string;
  readonly #panel: ColumnProject;
  readonly #child: ChildProcess;
  readonly #lines: Record<string, unknown>[] = [];
  readonly #ended: Promise<unknown>;

  private constructor(host: string, ring: string, panel: ColumnProject, child: ChildProcess) {
    this.host = host;
    this.#ring = ring;
    this.#panel = panel;
    this.#child = child;
    createInterface({ input: child.stdout! }).on('line', (line) => this.#lines.push(JSON.parse(line) as Record<string, unknown>));
    this.#ended = once(child, 'close');
  }

  /** With the key ring that the operator has now. It runs when this resolves. */
  static async start(panel: ColumnProject, host: string, server: number, rows: number, everyMs?: number): Promise<LiveMachine> {
    const directory = join(panel.project.base, host);
    mkdirSync(directory);
    const ring = join(directory, 'keyring.json');
    writeFileSync(ring, operatorsRing(panel), { mode: 0o600 });
    const order: LiveOrder = { url: panel.url, ring, source: settingOf(panel, 'key-source'), home: panel.project.home, server, rows, host, everyMs };
    const child = spawn(process.execPath, ['--conditions=lockfast-source', PROGRAM, JSON.stringify(order)], { stdio: ['pipe', 'pipe', 'inherit'] });
    onTestFinished(() => void child.kill('SIGKILL'));
    const machine = new LiveMachine(host, ring, panel, child);
    await machine.said((line) => line['ready'] === true);
    return machine;
  }

  /** Brings a key ring here in one step: the operator's, unless another text is given. */
  bring(text: string = operatorsRing(this.#panel)): void {
    writeFileSync(`${this.#ring}.new`, text, { mode: 0o600 });
    renameSync(`${this.#ring}.new`, this.#ring);
  }

  deleteRing(): void {
    rmSync(this.#ring);
  }

  /** Waits for a line that it printed or will print. */
  async said(matches: (line: Record<string, unknown>) => boolean): Promise<void> {
    await expect.poll(() => this.#lines.some(matches), { timeout: 20_000, interval: 20 }).toBe(true);
  }

  /** Its lines about key rings that it did not take, by code. */
  keptCodes(): string[] {
    return this.#lines.filter(({ event }) => event === 'key-ring-kept').map(({ code }) => code as string);
  }

  hangUp(): void {
    this.#child.kill('SIGHUP');
  }

  kill(): void {
    this.#child.kill('SIGKILL');
  }

  async stop(): Promise<LiveResult> {
    this.#child.stdin!.write('stop\n');
    await this.#ended;
    return this.#lines.at(-1) as unknown as LiveResult;
  }
}

/** The operator's key ring, as a file's text. */
export function operatorsRing(panel: ColumnProject): string {
  return panel.project.text(settingOf(panel, 'keyring'));
}

/** The same, opened. */
export function openOperatorsRing(panel: ColumnProject): Promise<KeyRing> {
  return openKeyRing(
    { path: panel.project.path(settingOf(panel, 'keyring')), sources: [settingOf(panel, 'key-source')] },
    { environment: {}, home: panel.project.home, directory: panel.project.directory, askPassphrase: () => Promise.reject(new Error('nobody is asked')) },
  );
}

function settingOf(panel: ColumnProject, name: string): string {
  return new RegExp(`^${name} *= *"([^"]+)"`, 'm').exec(panel.project.text('lockfast.toml'))![1]!;
}
