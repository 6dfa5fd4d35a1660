/** An env file as people have them, with everything that other tools do not bring back. */
export const SAMPLE: Buffer = Buffer.concat([
  Buffer.from(`\ufeff# Production of wip.example.com\r
PORT=8000\r
export NODE_ENV=production
DATABASE_URL="postgres://app:s3cr3t-pa$$@db.internal:5432/app?sslmode=require"

# sessions
SESSION_SECRET=zq8V_3nQ2m-cT1o0bJ7kA9sXw5eRyUiOpLhGfDsAzXc
EMPTY=
QUOTED_EMPTY=''
 INDENTED = spaces around
MULTI="first line
second line \\"quoted\\"
third # no comment"
PRIVATE_KEY='-----BEGIN PRIVATE KEY-----
MC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g
-----END PRIVATE KEY-----
'
SERVICE_ACCOUNT={"type":"service_account","project_id":"wip","n":1}
TEMPLATE=\`\${HOME}/$(whoami)\`
A.DOTTED-NAME=1
DUPLICATE=1
DUPLICATE=2
# the same comment
# the same comment


junk that is no assignment
NUL=a\0b
OPEN="never closed here
`),
  Buffer.from('LATIN1=caf\xe9\n', 'latin1'),
  Buffer.from('LAST=no newline'),
]);
