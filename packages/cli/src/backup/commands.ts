import { type Command, JSON_OPTION, YES_OPTION } from '../command.ts';

export const BACKUP_COMMANDS: readonly Command[] = [
  {
    name: 'backup list',
    summary: 'list what rotations kept of the encrypted files before them',
    options: { json: JSON_OPTION },
    details: ['The copies are encrypted as the files were. They need the keys that they were encrypted under.'],
    examples: [['lockfast backup list', 'which rotation, when, how many files']],
    load: () => import('./list.ts'),
  },
  {
    name: 'backup prune',
    summary: 'remove the copies that rotations kept, once they are old enough',
    options: {
      'older-than': { kind: 'text', value: 'TIME', help: 'such as 30d or 12h (default: `keep` of [backups] in lockfast.toml, else 30d)' },
      'dry-run': { kind: 'flag', help: 'say what would be removed, and remove nothing' },
      yes: YES_OPTION,
      json: JSON_OPTION,
    },
    details: ['It removes whole rotations alone, as their manifests describe them. Anything else in the directory is named and left.'],
    examples: [['lockfast backup prune --older-than 30d --dry-run', 'look first'], ['lockfast backup prune', 'those that are older than `keep`']],
    load: () => import('./prune.ts'),
  },
];
