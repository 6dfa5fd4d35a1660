import { type Command, JSON_OPTION } from '../command.ts';

const LISTEN = { kind: 'text', value: 'HOST:PORT', help: 'also serve the metrics for Prometheus at http://HOST:PORT/metrics; :PORT alone is of this machine (127.0.0.1)' } as const;
const TEXTFILE = { kind: 'text', value: 'PATH', help: "also write the metrics to a file for node_exporter's textfile collector, which ends in .prom" } as const;

export const WATCH_COMMANDS: readonly Command[] = [
  {
    name: 'watch',
    summary: 'look for what is wrong in the ledger and on this machine, and tell it',
    options: {
      once: { kind: 'flag', help: 'look once, tell what is due, and end: for a timer' },
      listen: LISTEN,
      textfile: TEXTFILE,
      json: { kind: 'flag', help: 'with --once: print JSON, for programs; errors too' },
    },
    details: [
      'Rules, thresholds and channels are [alerts] in lockfast.toml. Each cause is told once, until it changes. What could not be told waits, over restarts too, and is tried again after 10 s, 20 s and so on up to an hour.',
      'It needs no key: it reads the ledger, looks at files and services, and decrypts nothing. With --once the exit status is 1 when something critical is open that nobody acknowledged. Without it, SIGHUP reads the configuration again, SIGTERM ends it.',
    ],
    examples: [
      ['lockfast watch --once', 'by a timer or by hand'],
      ['lockfast watch --listen 127.0.0.1:9469', 'as a service, with metrics'],
    ],
    load: () => import('./watch.ts'),
  },
  {
    name: 'watch list',
    summary: 'list open alerts, what the rules are, and how it goes with the channels',
    options: {
      rules: { kind: 'flag', help: 'list the rules with their thresholds, and what each fires on' },
      channels: { kind: 'flag', help: 'list the channels, what waits for each, and why' },
      json: JSON_OPTION,
    },
    details: ['As the last look left it: nothing is looked at now.'],
    examples: [
      ['lockfast watch list', 'what is open'],
      ['lockfast watch list --channels', 'whether alerts get out'],
    ],
    load: () => import('./list.ts'),
  },
  {
    name: 'watch ack',
    summary: 'acknowledge an alert: somebody has seen to it',
    operands: 'ID',
    arity: [1, 1],
    options: { reason: { kind: 'text', value: 'TEXT', help: 'what it was; it is recorded in the ledger, so no secret' } },
    details: ['It counts no further until it gets worse or changes; the same cause later is another alert.'],
    examples: [['lockfast watch ack kq2d5x7a --reason "the new colleague, on her first day"', 'on record']],
    load: () => import('./ack.ts'),
  },
  {
    name: 'watch install',
    summary: 'let systemd run the watch: by a timer, or with --listen as a service',
    options: {
      every: { kind: 'text', value: 'TIME', help: 'how often the timer runs, such as 30s or 5m (default: 1m)' },
      listen: LISTEN,
      textfile: TEXTFILE,
      'dry-run': { kind: 'flag', help: 'print the units and write nothing' },
    },
    details: [
      'As root it runs as the owner of lockfast.toml, of all units; else as oneself, of `systemctl --user`. Only root sees into the directories of other accounts.',
      'A unit has no variables of yours: let channels name their secrets as file:PATH.',
    ],
    examples: [
      ['lockfast watch install --textfile /var/lib/prometheus/node-exporter/lockfast.prom', 'a timer, each minute'],
      ['lockfast watch install --listen 127.0.0.1:9469', 'a service that stays'],
    ],
    load: () => import('./install.ts'),
  },
  {
    name: 'watch uninstall',
    summary: 'take the units of the watch away',
    options: {},
    details: ['What it knows stays, so that a later one goes on.'],
    examples: [['lockfast watch uninstall', 'no more alerts from here']],
    load: () => import('./uninstall.ts'),
  },
];
