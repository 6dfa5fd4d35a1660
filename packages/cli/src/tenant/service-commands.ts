import { WAYS } from '@lockfast/fleet/ways';

import { type Command, JSON_OPTION, type Option } from '../command.ts';
import { BREAK_GLASS } from '../env/options.ts';

const ALL: Option = { kind: 'flag', help: 'all tenants' };
const INTO: Option = { kind: 'text', value: 'DIR', help: 'the directory in memory that systemd made for the service' };
const AS: Option = { kind: 'text', value: 'USER', help: 'open the key ring with the rights of this account, which keeps it' };

/** Tenants and their services. */
export const SERVICE_COMMANDS: readonly Command[] = [
  {
    name: 'tenant install',
    summary: 'let systemd start a service with its variables decrypted',
    operands: 'NAME...|--all',
    arity: [0, Number.MAX_SAFE_INTEGER],
    options: {
      all: ALL,
      way: { kind: 'text', value: 'WAY', help: 'how it gets them (default: the setting `way`, else run)', choices: WAYS },
      exec: { kind: 'text', value: 'CMD', help: 'make a unit for a tenant that has none, with this ExecStart=' },
      now: { kind: 'flag', help: 'restart the service, and wait until it is well' },
      'dry-run': { kind: 'flag', help: 'print the files that would be written' },
      json: JSON_OPTION,
    },
    details: [
      'It writes a drop-in beside the unit (<unit>.d/50-lockfast.conf) and never changes the unit itself. run: the program is started through `lockfast run`, with nothing on a disk. file: a `.env` in memory while the service runs, for programs that read it themselves; what is changed in it is encrypted again on stop. credential: the credentials `env` (the whole text) and `variable_NAME`, in $CREDENTIALS_DIRECTORY.',
      'The key ring is opened as the owner of lockfast.toml, never with a key from the environment. A unit whose account could not run lockfast is refused. Without root it is for your own units (systemctl --user).',
    ],
    examples: [
      ['lockfast tenant install acme --now', 'and restart it'],
      ['lockfast tenant install --all --dry-run', 'see the drop-ins first'],
      ['lockfast tenant install acme --exec "/srv/acme/.venv/bin/python app.py"', 'with a whole, hardened unit'],
    ],
    load: () => import('./install.ts'),
  },
  {
    name: 'tenant uninstall',
    summary: "take Lockfast out of a tenant's unit",
    operands: 'NAME...|--all',
    arity: [0, Number.MAX_SAFE_INTEGER],
    options: { all: ALL, now: { kind: 'flag', help: 'stop a service first that has its .env open' }, json: JSON_OPTION },
    details: ['The drop-in goes, and a unit that `tenant install --exec` made. It counts from the next start. Encrypted files stay as they are.'],
    examples: [['lockfast tenant uninstall acme', 'its unit is as it was before']],
    load: () => import('./uninstall.ts'),
  },
  {
    name: 'tenant open',
    summary: "decrypt a service's variables into memory; units call it before they start",
    operands: 'NAME',
    arity: [1, 1],
    options: {
      into: INTO,
      form: { kind: 'text', value: 'FORM', help: 'file (default): a .env; once or shared: for `lockfast run --prepared`; credential: for LoadCredential=', choices: ['file', 'once', 'shared', 'credential'] },
      as: AS,
      ...BREAK_GLASS,
    },
    details: ['Installed units call it; there is no need to call it yourself. If one value does not decrypt, it fails, and the service does not start. What an earlier stop could not encrypt is encrypted first.'],
    examples: [['lockfast tenant open acme --into /run/lockfast/acme', 'as ExecStartPre= does']],
    load: () => import('./open.ts'),
  },
  {
    name: 'tenant close',
    summary: 'encrypt what was changed in a .env, and wipe it; units call it after they stopped',
    operands: 'NAME',
    arity: [1, 1],
    options: { into: INTO, as: AS },
    details: [
      'Installed units call it; there is no need to call it yourself. What does not parse, or was changed in the encrypted file, too, is kept aside, encrypted, and the exit status is 1. Where nothing can be encrypted, it stays in memory in /run/lockfast-edited until the service starts again.',
    ],
    examples: [['lockfast tenant close acme --into /run/lockfast/acme', 'as ExecStopPost= does']],
    load: () => import('./close.ts'),
  },
  {
    name: 'tenant export',
    summary: 'print the variables of a tenant as a Kubernetes Secret',
    operands: 'NAME',
    arity: [1, 1],
    options: {
      name: { kind: 'text', value: 'NAME', help: "the Secret's name (default: the tenant's)" },
      namespace: { kind: 'text', value: 'NAME', help: 'its namespace' },
      ...BREAK_GLASS,
    },
    details: ['To standard output only: a Secret is not encrypted, and belongs in no file and no repository.'],
    examples: [['lockfast tenant export acme | kubectl apply -f -', 'with no file in between']],
    load: () => import('./export.ts'),
  },
];
