// What tests need of a machine besides Node, and which of it is not here. A test that lacks a part is skipped, and says
// so in its title: "... (needs zsh)". Plain JavaScript for Node 20.
import { spawnSync } from 'node:child_process';

/** Each part, with the command that succeeds where it is. */
const PARTS = {
  strace: ['strace', '-f', '-o', '/dev/null', 'true'],
  'python3-cryptography': ['/usr/bin/python3', '-c', 'import cryptography.fernet'],
  'python3-dotenv': ['/usr/bin/python3', '-c', 'import dotenv'],
  'python3-django and python3-psycopg2': ['/usr/bin/python3', '-c', 'import django, psycopg2'],
  bash: ['bash', '-c', 'true'],
  zsh: ['zsh', '-fc', 'true'],
  fish: ['fish', '--no-config', '-c', 'true'],
  git: ['git', '--version'],
  'a pseudo-terminal (script)': ['script', '-qec', 'true', '/dev/null'],
  "Prometheus' promtool": ['promtool', '--version'],
  logrotate: ['logrotate', '--version'],
  'PostgreSQL 15': ['/usr/lib/postgresql/15/bin/postgres', '--version'],
  MariaDB: ['/usr/sbin/mariadbd', '--no-defaults', '--version'],
  'python3-sqlalchemy': ['/usr/bin/python3', '-c', 'import sqlalchemy'],
  'systemd-container': ['systemd-nspawn', '--version'],
  root: ['sh', '-c', 'test "$(id -u)" = 0'],
  'the right to mount a tmpfs': ['unshare', '--mount', 'mount', '-t', 'tmpfs', 'none', '/mnt'],
};

export function missingParts() {
  return Object.entries(PARTS)
    .filter(([, [command, ...args]]) => spawnSync(command, args, { stdio: 'ignore', timeout: 10_000 }).status !== 0)
    .map(([part]) => part);
}
