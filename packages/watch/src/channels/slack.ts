import type { Severity } from '../rule-names.ts';
import type { Channel, Delivery } from './channel.ts';
import { textOf } from './delivery-text.ts';
import { post } from './post.ts';

/** An incoming webhook as Slack has them, and Mattermost, Rocket.Chat and others after it: JSON with a `text`. */
export class SlackChannel implements Channel {
  readonly name: string;
  readonly least: Severity;
  readonly #url: string;

  constructor(name: string, least: Severity, url: string) {
    this.name = name;
    this.least = least;
    this.#url = url;
  }

  async send(delivery: Delivery): Promise<void> {
    // A name must not mention people or link anywhere: https://api.slack.com/reference/surfaces/formatting#escaping
    const text = textOf(delivery).replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
    await post(this.name, this.#url, JSON.stringify({ text }), {});
  }
}
