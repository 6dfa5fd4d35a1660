// The programs that the demo puts into its project: they know nothing of Lockfast.
import { createServer } from 'node:net';

export const SERVER = `import { createHash, createPrivateKey } from 'node:crypto';
import { createServer } from 'node:http';

const { APP_NAME, DATABASE_URL, FEATURES, SIGNING_KEY, SMTP_PASSWORD, GREETING, HOST, PORT } = process.env;

function settings() {
  const { hostname, pathname } = new URL(DATABASE_URL);
  return {
    app: APP_NAME,
    database: hostname + pathname,
    features: Object.keys(JSON.parse(FEATURES)),
    signingKey: createPrivateKey(SIGNING_KEY).asymmetricKeyType,
    smtpPassword: '*'.repeat(SMTP_PASSWORD.length),
    greeting: GREETING.split('\\n'),
    rootKeyIsHere: Object.keys(process.env).some((name) => name.startsWith('LOCKFAST')),
  };
}

function digests() {
  return Object.fromEntries(Object.entries(process.env).map(([name, value]) => [name, createHash('sha256').update(value).digest('hex')]));
}

createServer((request, response) => response.end(JSON.stringify(request.url === '/digests' ? digests() : settings(), null, 2))).listen(PORT, HOST, () => {
  console.log(\`listening on \${HOST}:\${PORT}\`);
});
`;

export const ASK = `console.log(await (await fetch(process.argv[2])).text());
`;

/** A port that nobody listens on at this moment. */
export function freePort() {
  return new Promise((resolve, reject) => {
    const probe = createServer();
    probe.once('error', reject);
    probe.listen(0, '127.0.0.1', () => {
      const { port } = probe.address();
      probe.close(() => resolve(port));
    });
  });
}
