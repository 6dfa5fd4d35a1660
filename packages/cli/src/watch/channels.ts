/** The channels of `[[alerts.channels]]`: what they tell with is had by reference, never from the configuration itself. */
import { hostname } from 'node:os';

import { LockfastError } from '@lockfast/core/errors';
import { Secret } from '@lockfast/core/keyring';
import { systemClock } from '@lockfast/core/ports';
import { readSecretFile, type Surroundings } from '@lockfast/keys';
import { type Channel, CommandChannel, type Delivery, EmailChannel, SlackChannel, SyslogChannel, WebhookChannel } from '@lockfast/watch';

import { CHANNEL_KINDS, type ChannelSettings, type Configuration } from '../configuration.ts';

const LEAST_SECRET_BYTES = 16;

/**
 * A secret that can't be had is a failure of its channel at each try, and told on the others: it must not keep the rules
 * from being asked.
 *
 * @throws LockfastError `config-invalid`
 */
export function configuredChannels({ alerts: { channels } }: Configuration, around: Surroundings): readonly Channel[] {
  return channels.map((settings) => {
    const name = channelName(settings);
    try {
      return channelOf(settings, name, around);
    } catch (error) {
      if (!(error instanceof LockfastError) || error.code !== 'source-unavailable') throw error;
      return { name, least: settings.severity ?? 'information', send: (delivery) => lateChannel(settings, name, around, delivery) };
    }
  });
}

/** Somebody may have put it there meanwhile. */
async function lateChannel(settings: ChannelSettings, name: string, around: Surroundings, delivery: Delivery): Promise<void> {
  await channelOf(settings, name, around).send(delivery);
}

/** The one that it was given, else its kind. */
export function channelName(settings: ChannelSettings): string {
  return settings.name ?? kindOf(settings);
}

/** Exactly one, as the configuration was checked. */
export function kindOf(settings: ChannelSettings): (typeof CHANNEL_KINDS)[number] {
  return CHANNEL_KINDS.find((kind) => settings[kind] !== undefined)!;
}

function channelOf(settings: ChannelSettings, name: string, around: Surroundings): Channel {
  const { webhook, slack, smtp, syslog, command, secret, password, from, to, severity: least = 'information' } = settings;
  if (webhook !== undefined) return new WebhookChannel(name, least, urlOf(webhook, name, around), secretOf(secret!, name, around), systemClock);
  if (slack !== undefined) return new SlackChannel(name, least, urlOf(slack, name, around));
  if (smtp !== undefined) {
    const url = new URL(smtp);
    return new EmailChannel(name, least, { url, password: password === undefined ? undefined : new Secret(Buffer.from(referenced(password, name, around))), from: from ?? `lockfast@${hostname()}`, to: to! });
  }
  if (syslog !== undefined) return new SyslogChannel(name, least, syslog, around.environment);
  return new CommandChannel(name, least, command!, around.environment);
}

function secretOf(reference: string, name: string, around: Surroundings): Secret {
  const text = referenced(reference, name, around);
  if (Buffer.byteLength(text) < LEAST_SECRET_BYTES) throw new LockfastError('config-invalid', `the secret of the channel ${name} is shorter than ${LEAST_SECRET_BYTES} bytes`, 'make one: openssl rand -hex 32');
  return new Secret(Buffer.from(text));
}

function urlOf(written: string, name: string, around: Surroundings): string {
  const text = /^https?:/.test(written) ? written : referenced(written, name, around);
  const url = URL.parse(text);
  if (url === null || !/^https?:$/.test(url.protocol)) throw new LockfastError('config-invalid', `what the channel ${name} names is no URL`, 'it begins with https://');
  return url.href;
}

/** @param reference `env:NAME` or `file:PATH` */
function referenced(reference: string, name: string, around: Surroundings): string {
  const [, scheme, rest] = /^(env|file):(.*)$/s.exec(reference)!;
  if (scheme === 'file') return readSecretFile(rest!, `a secret of the channel ${name}`, around).toString('utf8').trim();
  const text = Object.hasOwn(around.environment, rest!) ? around.environment[rest!]?.trim() : undefined;
  if (text === undefined || text === '') throw new LockfastError('source-unavailable', `${rest}, which the channel ${name} names, is not set in the environment`, 'set it, or keep it in a file: file:PATH');
  return text;
}
