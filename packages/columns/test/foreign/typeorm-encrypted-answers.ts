/**
 * Known answers of typeorm-encrypted 0.8.0, which wants an older TypeORM than the one that is installed here. Made by its own
 * `encryptData(Buffer.from(text), { algorithm, key, ivLength })`, as base64, the way its transformer stores it.
 */
export const KEY = '00112233445566778899aabbccddeeff102132435465768798a9bacbdcedfe0f';

/** The algorithm, its hexadecimal key as so many digits of {@link KEY}, bytes of the IV, and for each of {@link TEXTS} what is stored. */
export const ANSWERS: readonly (readonly [algorithm: string, digits: number, ivBytes: number, stored: readonly string[]])[] = [
  ['aes-256-cbc', 64, 16, ['WuEMno9rUfG9oZ6EoTe0YOt1WKzeuCngiphMeZyE2xM=', 'mnnDUnScLiPP0DwnizLeCHHk1Iz7UpY3NgD7W7H8Uzc=', 'l8+jIIKIWzuizyx+IJpnOvy0KbudWKsWMFg1B0DLiZCKgSuCyL4qD0ybNsJQsL+ThP4VJHSTb4FEaA5VnJBQvGl2tP0iNrfJn7NRM9Pqmn9AbW4Bh3F7XFWCTsgk2d2N']],
  ['aes-256-gcm', 64, 16, ['ZDc/7KrP3ews+rzo2TFz8U0xC6t7eaNuWMX9U2FBejw=', '91hs7M0uhQ+00KuGTXIIn8kE2hkf0MMNKcJmbIIuBibfrEjmI+/mz/u7rFY=', 'bSoC/0TdQ+7K8v/7hpyQrl+Hqu92lKIyve4rRpWR6TFKYAM2J9i4FZw1GVSoTPnwrmn0cSWxk+90pn2Sbf6cIJTNKVEoVaIMco/+d1f1KpKIdr/sKYZqEdtJdZ9kdvII/Tg=']],
  ['aes-256-gcm', 64, 12, ['cP+3lJ8eYZKNnqTPYLctvR3tDUNytFeAzNtpKQ==', 'hJqwY/Fm7ZvpmR3i4de7+LF59IsoM/e/GUXRUYDuUg3W8Y8Gq+IMzw==', 'DolQTRCnaHwJa7q+7A7dB2SLDrlSLZkr89IOctu8IMyxr49fpFDWjAFtWbIjJCGfVGJvmlNJQ0h9q28w2P1riDMt6108b8JqFVWnPSfHMG5ztEUvK/kAfda/xqhPaw==']],
  ['aes-128-cbc', 32, 16, ['6YQML1USEtl9QD8CrLk4LddZWrVE6zuW8RCCDI6H26U=', 'YE3QiOL3rjm8L0vVv1CEJPa+zhUbHYMMfMsZAGsc+/E=', 'skmRalWb8Teun7CN4kJFA04ks3SLzIqYEmsFaFp04A6sosX560U4VAP9xQWf5nozH02SSnKCGdhYm2nSd/qEZBYO69goV39fvBUymPByd2seQUN15lYc/x6DdRD10qfZ']],
  ['aes-192-gcm', 48, 16, ['VqpQoQ3fl1rPWXUz1v+wKA+0DKCa3MflFhBvXqxswWc=', 'eHb628aUqXp1DvhJgGNYLBDru6Tkb9G3A1XH9kDPXwHEG9lJ3cjZ6/UL3Q4=', 'Uvu5/UTw1/PjTbV9qoVaCVlGLyULckNSeLsFsM9VeFi5lEoOkchm3q1MZRUde1mGYWDKdLzF80ceErvnt/KWDR3P8wFl20a9y/52w82En9KWPDNrSW9xdjYaGmzUTXRD19g=']],
];

export const TEXTS = ['', 'xoxb-17-Zm9v', 'ключ 🔑.....................................................'];
