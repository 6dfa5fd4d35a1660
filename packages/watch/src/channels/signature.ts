/** How a webhook is signed, and how whoever gets it makes sure that it is ours, new and unaltered. */
import { createHmac, timingSafeEqual } from 'node:crypto';

/** How far the clocks of both may be apart, and how long an id must be remembered. */
const TOLERANCE_MS = 300_000;

export const TIMESTAMP_HEADER = 'lockfast-timestamp';
export const DELIVERY_HEADER = 'lockfast-delivery';
export const SIGNATURE_HEADER = 'lockfast-signature';

/** `v1=` and the hex of HMAC-SHA256 over timestamp, id and body, with a full stop between them. @param timestamp seconds since the Unix epoch */
export function webhookSignature(secret: Uint8Array, timestamp: string, delivery: string, body: string): string {
  return `v1=${createHmac('sha256', secret).update(`${timestamp}.${delivery}.${body}`).digest('hex')}`;
}

/**
 * For receivers. That an id did not come before within ten minutes, they must look at themselves: an answer that got
 * lost is sent again.
 *
 * @param headers by lower-case name
 * @param body as it came, before anything parsed it
 * @param now milliseconds since the Unix epoch
 */
export function isOurWebhook(secret: Uint8Array, headers: Readonly<Record<string, string | readonly string[] | undefined>>, body: string, now: number): boolean {
  const [timestamp, delivery, signature] = [TIMESTAMP_HEADER, DELIVERY_HEADER, SIGNATURE_HEADER].map((name) => headers[name]);
  if (typeof timestamp !== 'string' || typeof delivery !== 'string' || typeof signature !== 'string' || !/^[0-9]{1,12}$/.test(timestamp)) return false;
  if (Math.abs(now - Number(timestamp) * 1000) > TOLERANCE_MS) return false;
  const [expected, given] = [Buffer.from(webhookSignature(secret, timestamp, delivery, body)), Buffer.from(signature)];
  return expected.length === given.length && timingSafeEqual(expected, given);
}
