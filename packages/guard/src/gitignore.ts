/** Whether `.gitignore` keeps plaintext out, as git itself reads it. */
import { type Finding, fingerprintOf } from './finding.ts';
import { type GitPlace, tryGit } from './git.ts';

/** Whether encrypted env files are for git to keep or to leave out. */
export type EncryptedFiles = 'committed' | 'ignored';

interface Probe {
  /** A name that stands for all that the line is about. */
  readonly path: string;
  readonly ignored: boolean;
  /** What brings it about. */
  readonly line: string;
}

const PROBES: readonly Probe[] = [
  { path: '.env', ignored: true, line: '.env' },
  { path: '.env.production', ignored: true, line: '.env.*' },
  { path: '.env.secrets', ignored: true, line: '.env.secrets' },
  { path: 'lockfast.backup_20260101', ignored: true, line: '*.backup_*' },
  { path: '.env.example', ignored: false, line: '!.env.example' },
];

export interface GitignoreState {
  /** Lines that are missing, in the order in which they must stand. */
  readonly missing: readonly string[];
}

/** Only what a `.gitignore` of the repository says counts: a developer's own excludes are on one machine. */
export function gitignoreState(place: GitPlace, encrypted: EncryptedFiles): GitignoreState {
  const probes = [...PROBES, { path: '.env.encrypted', ignored: encrypted === 'ignored', line: encrypted === 'ignored' ? '*.encrypted' : '!*.encrypted' }];
  const deep = probes.flatMap((probe) => [probe, { ...probe, path: `lockfast-probe/${probe.path}` }]);
  const ignored = ignoredPaths(place, deep.map(({ path }) => path));
  const wrong = deep.filter((probe) => ignored.has(probe.path) !== probe.ignored).map(({ line }) => line);
  const lines = probes.map(({ line }) => line).filter((line) => wrong.includes(line));
  // The last line that fits a path wins: what takes back must follow what ignores.
  const takesBack = lines.includes('.env.*') ? ['!.env.example', ...(encrypted === 'committed' ? ['!*.encrypted'] : [])] : [];
  return { missing: [...new Set([...lines.filter((line) => !line.startsWith('!')), ...lines.filter((line) => line.startsWith('!')), ...takesBack])] };
}

export function gitignoreFindings({ missing }: GitignoreState): Finding[] {
  if (missing.length === 0) return [];
  return [
    {
      kind: 'gitignore',
      path: '.gitignore',
      line: undefined,
      commit: undefined,
      tenant: undefined,
      variable: undefined,
      state: undefined,
      form: 'incomplete',
      detail: `it lacks ${missing.join(', ')}`,
      fingerprint: fingerprintOf('gitignore', '.gitignore', missing.join('\n')),
    },
  ];
}

function ignoredPaths(place: GitPlace, paths: readonly string[]): Set<string> {
  // Status 1 says that none of them is ignored.
  const answers = (tryGit(place, ['check-ignore', '--verbose', '--non-matching', '--no-index', '-z', '--stdin'], `${paths.join('\0')}\0`, 1)?.toString('utf8') ?? '').split('\0');
  const ignored = new Set<string>();
  for (let i = 0; i + 3 < answers.length; i += 4) {
    const [source, , pattern, path] = answers.slice(i, i + 4) as [string, string, string, string];
    if (/(?:^|\/)\.gitignore$/.test(source) && pattern !== '' && !pattern.startsWith('!')) ignored.add(path);
  }
  return ignored;
}
