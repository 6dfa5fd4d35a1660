/** Units that show secrets: everybody on the machine can read unit files, and what `systemctl show` says of them. */
import { readFileSync } from 'node:fs';

import { isEncryptedFile } from '@lockfast/core/env';

import type { Tenant } from '../fleet.ts';
import { readUnit } from '../systemd/unit-text.ts';
import { readHead, see } from '../tenant-files.ts';
import type { Finding } from './finding.ts';

/** Anywhere in a name: what stands in a unit is shown to everybody, whatever its value is. */
const SECRET_NAME = /(?:^|_)(?:SECRET|TOKEN|PASSWORD|PASSWD|PASSPHRASE|PASS|PWD|KEY|APIKEY|CREDENTIALS?|PRIVATE|DSN)(?:_|$|[0-9])/i;
/** Where a secret is, or which one, is none. */
const ABOUT_A_SECRET = /_(?:FILE|PATH|DIR|DIRECTORY|ID|NAME|SOURCE|TYPE|URL)$|^PUBLIC_|_PUBLIC_/i;
/** `scheme://user:password@host`: also one with ? or # in the password, which no URL has. It is shown all the same. */
const URL_WITH_PASSWORD = /^[a-z][a-z0-9+.-]*:\/\/[^/\s:@]*:[^/\s@]+@/i;

/** @param files the unit's file and drop-ins, absolute */
export function unitFindings(tenant: Tenant, files: readonly string[]): Finding[] {
  return files.flatMap((path) => {
    let text: string;
    try {
      text = readFileSync(path, 'utf8');
    } catch {
      return [];
    }
    return readUnit(text).flatMap(({ name, value }) => lineFinding(name, value).map(([detail, hint]): Finding => ({ tenant: tenant.name, path, kind: 'unit', detail, hint, repair: undefined })));
  });
}

function lineFinding(name: string, value: string): [detail: string, hint: string][] {
  switch (name) {
    case 'Environment': {
      const secrets = assignments(value).filter(([variable, text]) => text !== '' && ((SECRET_NAME.test(variable) && !ABOUT_A_SECRET.test(variable)) || URL_WITH_PASSWORD.test(text)));
      if (secrets.length === 0) return [];
      const names = secrets.map(([variable]) => variable).join(', ');
      return [[`Environment= shows ${names} to everybody`, 'set it with `lockfast env set`, and take the line out']];
    }
    case 'EnvironmentFile': {
      const path = value.replace(/^-/, '').trim();
      return isPlaintextEnv(path) ? [['EnvironmentFile= names a plaintext file', 'give the variables through `lockfast run`, and take the line out']] : [];
    }
    case 'SetCredential':
      return value === '' ? [] : [['SetCredential= shows a credential to everybody', 'use LoadCredentialEncrypted= or SetCredentialEncrypted=']];
    default:
      return [];
  }
}

/** `NAME=value` pairs of one line, with systemd's quotes. */
function assignments(value: string): [variable: string, text: string][] {
  const words = value.match(/"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|[^\s"']\S*/g) ?? [];
  return words.flatMap((word) => {
    const text = /^["']/.test(word) ? word.slice(1, -1) : word;
    const [, variable, rest] = /^([A-Za-z_][A-Za-z0-9_]*)=(.*)$/s.exec(text) ?? [];
    return variable === undefined ? [] : [[variable, rest!.replace(/^["']|["']$/g, '')]];
  });
}

function isPlaintextEnv(path: string): boolean {
  // In memory, where the way `file` puts it; with a specifier nobody but systemd knows which one it is.
  if (!path.startsWith('/') || path.startsWith('/run/') || path.includes('%')) return false;
  try {
    const seen = see(path);
    if (seen?.kind !== 'file' || seen.size === 0) return false;
    const head = readHead(path, 64 * 1024);
    if (isEncryptedFile(head)) return false;
    // Whatever is called so here is meant to be read: also a template.
    return /(?:^|\/)\.env[^/]*$/.test(path) || assignmentsIn(head.toString('latin1')).some((variable) => SECRET_NAME.test(variable) && !ABOUT_A_SECRET.test(variable));
  } catch {
    return false;
  }
}

function assignmentsIn(text: string): string[] {
  return [...text.matchAll(/^(?:export[ \t]+)?([A-Za-z_][A-Za-z0-9_]*)=./gm)].map(([, name]) => name!);
}
