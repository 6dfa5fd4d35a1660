// A realistic .env. Whatever looks like a secret in it is made at run time: none is committed.
import { generateKeyPairSync, randomBytes } from 'node:crypto';

/** @returns {{ text: string, values: Map<string, string> }} the file, and what each variable is worth to a program */
export function exampleEnv(port) {
  const random = (bytes) => randomBytes(bytes).toString('base64url');
  const pem = generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'pem' }).trimEnd();
  const made = { database: random(12), session: random(32), smtp: `${random(6)} # ${random(6)}`, access: random(15), secret: random(30), stripe: random(24) };
  const features = '{"checkout": {"express": true, "limit": 3}, "search": "v2", "banner": "50% off"}';
  const values = new Map([
    ['APP_NAME', 'Shop'],
    ['NODE_ENV', 'production'],
    ['HOST', '127.0.0.1'],
    ['PORT', String(port)],
    ['LOG_LEVEL', 'info'],
    ['TZ', 'Europe/Zurich'],
    ['DATABASE_URL', `postgres://shop:${made.database}@db.internal:5432/shop?sslmode=require#primary`],
    ['DATABASE_POOL', '10'],
    ['REDIS_URL', 'redis://cache.internal:6379/0'],
    ['SESSION_SECRET', made.session],
    ['SIGNING_KEY', pem],
    ['FEATURES', features],
    ['SMTP_HOST', 'mail.internal'],
    ['SMTP_USER', 'shop@example.invalid'],
    ['SMTP_PASSWORD', made.smtp],
    ['SMTP_FROM', 'Shop <shop@example.invalid>'],
    ['S3_ENDPOINT', 'https://s3.internal'],
    ['S3_ACCESS_KEY', made.access],
    ['S3_SECRET_KEY', made.secret],
    ['PAYMENT_API_KEY', made.stripe],
    ['GREETING', 'Welcome!\nOpen all day.'],
    ['EMPTY', ''],
  ]);
  const text = `# Settings of the shop. Never commit this file.
APP_NAME=Shop
NODE_ENV=production

# --- web -------------------------------------------------
HOST=127.0.0.1
PORT=${port}
LOG_LEVEL=info          # debug | info | warn
export TZ=Europe/Zurich

# --- database: the fragment names the replica, so the quotes matter
export DATABASE_URL="${values.get('DATABASE_URL')}"
DATABASE_POOL=10
REDIS_URL=${values.get('REDIS_URL')}

# --- keys
SESSION_SECRET=${made.session}
SIGNING_KEY="${pem}"

FEATURES='${features}'

# --- mail
SMTP_HOST=mail.internal
SMTP_USER=shop@example.invalid
SMTP_PASSWORD='${made.smtp}'
SMTP_FROM="Shop <shop@example.invalid>"

# --- storage and payments (old keys: ask operations)
S3_ENDPOINT=https://s3.internal
S3_ACCESS_KEY=${made.access}
S3_SECRET_KEY=${made.secret}
# PAYMENT_API_KEY=the-old-one
PAYMENT_API_KEY=${made.stripe}

GREETING="Welcome!
Open all day."
EMPTY=
`;
  return { text, values };
}
