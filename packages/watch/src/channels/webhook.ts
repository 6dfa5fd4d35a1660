import type { Secret } from '@lockfast/core/keyring';
import type { Clock } from '@lockfast/core/ports';

import type { Severity } from '../rule-names.ts';
import type { Channel, Delivery } from './channel.ts';
import { deliveryJson } from './delivery-text.ts';
import { post } from './post.ts';
import { DELIVERY_HEADER, SIGNATURE_HEADER, TIMESTAMP_HEADER, webhookSignature } from './signature.ts';

/** JSON that is signed with HMAC-SHA256, together with the time and the id of the delivery. */
export class WebhookChannel implements Channel {
  readonly name: string;
  readonly least: Severity;
  readonly #url: string;
  readonly #secret: Secret;
  readonly #clock: Clock;

  constructor(name: string, least: Severity, url: string, secret: Secret, clock: Clock) {
    this.name = name;
    this.least = least;
    this.#url = url;
    this.#secret = secret;
    this.#clock = clock;
  }

  async send(delivery: Delivery): Promise<void> {
    const body = deliveryJson(delivery);
    // Of this try: one that comes an hour late must not look like an old one that is played again.
    const timestamp = String(Math.floor(this.#clock.now() / 1000));
    const signature = this.#secret.use((secret) => webhookSignature(secret, timestamp, delivery.id, body));
    await post(this.name, this.#url, body, { [TIMESTAMP_HEADER]: timestamp, [DELIVERY_HEADER]: delivery.id, [SIGNATURE_HEADER]: signature });
  }
}
