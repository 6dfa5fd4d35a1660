import { LockfastError } from '@lockfast/core/errors';
import type { Secret } from '@lockfast/core/keyring';

import type { Severity } from '../rule-names.ts';
import { type Channel, type Delivery, PATIENCE_MS } from './channel.ts';
import { subjectOf, textOf } from './delivery-text.ts';

export interface MailSettings {
  /** `smtp://USER@HOST:PORT` with STARTTLS, `smtps://` with TLS from the start. Without a password. */
  readonly url: URL;
  readonly password: Secret | undefined;
  readonly from: string;
  readonly to: readonly string[];
}

/** To a mail server of this machine alone the way is as safe as the machine. */
const LOOPBACK = /^(?:localhost|127\.\d+\.\d+\.\d+|\[::1\])$/;

export class EmailChannel implements Channel {
  readonly name: string;
  readonly least: Severity;
  readonly #settings: MailSettings;

  constructor(name: string, least: Severity, settings: MailSettings) {
    this.name = name;
    this.least = least;
    this.#settings = settings;
  }

  async send(delivery: Delivery): Promise<void> {
    const { url, password, from, to } = this.#settings;
    const { createTransport } = await import('nodemailer');
    const secure = url.protocol === 'smtps:';
    const local = LOOPBACK.test(url.hostname);
    const user = decodeURIComponent(url.username);
    const transport = createTransport({
      host: url.hostname.replace(/^\[|\]$/g, ''),
      port: url.port === '' ? (secure ? 465 : 587) : Number(url.port),
      secure,
      requireTLS: !secure && !local,
      ...(local && !secure ? { ignoreTLS: true } : {}),
      ...(user === '' ? {} : { auth: { user, pass: password === undefined ? '' : password.use((bytes) => bytes.toString('utf8')) } }),
      connectionTimeout: PATIENCE_MS,
      greetingTimeout: PATIENCE_MS,
      socketTimeout: PATIENCE_MS,
      disableFileAccess: true,
      disableUrlAccess: true,
    });
    try {
      await transport.sendMail({ from, to: [...to], subject: subjectOf(delivery), text: textOf(delivery), messageId: `<${delivery.id}@lockfast>`, headers: { 'Auto-Submitted': 'auto-generated' } });
    } catch {
      throw new LockfastError('tool-failed', `the mail server of the channel ${this.name} did not take it`, 'check its address, account and addressees; it is tried again');
    } finally {
      transport.close();
    }
  }
}
