import { type Command, JSON_OPTION, REASON_OPTION, YES_OPTION } from '../command.ts';

/** What must not get into git, and what is there already. */
export const GUARD_COMMANDS: readonly Command[] = [
  {
    name: 'guard scan',
    summary: 'look for plaintext env files and secrets in git: work tree, index, history',
    options: {
      staged: { kind: 'flag', help: 'what the next commit would bring, as it is staged' },
      worktree: { kind: 'flag', help: 'the files of the work tree, without the index' },
      history: { kind: 'flag', help: 'all commits of all branches, tags, notes and stashes, with their messages' },
      range: { kind: 'text', value: 'A..B', help: 'the commits that B has and A has not' },
      pushed: { kind: 'text', value: 'REMOTE', help: 'what a push would bring; standard input is what git gives a pre-push hook' },
      values: { kind: 'text', value: 'FROM', help: 'where the real values come from (default: auto)', choices: ['auto', 'ring', 'guard-file', 'none'] },
      recurse: { kind: 'flag', help: 'look into submodules that are checked out, too' },
      fix: { kind: 'flag', help: 'add to .gitignore what is missing there' },
      sarif: { kind: 'text', value: 'FILE', help: 'write the findings as SARIF 2.1.0 as well' },
      json: JSON_OPTION,
    },
    details: [
      'Without one of the first five options: work tree, index and .gitignore. It finds plaintext env files by name and by what they hold, the real values of the env files in many encodings, and credentials that their providers mark. Names, lines and commits are shown, never a value. Exit status 1 when something was found.',
      'The real values come from the key ring where it opens without a question, elsewhere from the guard file; with --staged, --range and --pushed the guard file goes first, if it has them all. Values that could be guessed or have less than 12 bytes are not looked for: --json lists them.',
      "Nothing of the repository's configuration is run: no filter, hook, textconv or external diff.",
    ],
    examples: [
      ['lockfast guard scan', 'before a commit'],
      ['lockfast guard scan --history --json', 'everything that was ever committed, for a program'],
      ['lockfast guard scan --range origin/main..HEAD --sarif guard.sarif', 'a pull request, for code scanning'],
    ],
    load: () => import('./scan.ts'),
  },
  {
    name: 'guard update',
    summary: 'write the guard file: keyed hashes of the secret values, for machines that may not read them',
    options: {
      'new-key': { kind: 'flag', help: 'take a new guard key; what the file knows of earlier values is lost' },
      json: JSON_OPTION,
    },
    details: [
      'The file (.lockfast/guard.json) is for git. Its key is not: it lies in ~/.config/lockfast/guard, from where other developers get a copy, and a CI the text of it as the variable LOCKFAST_GUARD_KEY. Whoever can open the key ring needs no copy.',
      'Values of before stay in it as retired, so that an old one that leaked is found as well. Run it after each change of a value.',
    ],
    examples: [['lockfast guard update', 'after a rotation, then commit the file']],
    load: () => import('./update.ts'),
  },
  {
    name: 'guard install',
    summary: 'set this clone up: hooks, merge driver and diff of encrypted files',
    options: { yes: { ...YES_OPTION, help: 'change files that others share, too: those of husky, lefthook, pre-commit, or of core.hooksPath' }, json: JSON_OPTION },
    details: [
      'The pre-commit hook scans what is staged, the pre-push hook what is pushed. Hooks that are there run first. Where another tool runs the hooks, the lines to add are printed, or added with --yes.',
      'Run it once in each clone. Running it again changes nothing.',
    ],
    examples: [['lockfast guard install', 'in a clone'], ['lockfast guard install --yes', 'and husky gets its lines']],
    load: () => import('./install.ts'),
  },
  {
    name: 'guard uninstall',
    summary: 'put back what `guard install` changed in this clone',
    options: { json: JSON_OPTION },
    examples: [['lockfast guard uninstall', 'the hooks of before are back']],
    load: () => import('./uninstall.ts'),
  },
  {
    name: 'guard ignore',
    summary: 'do not report one finding any more, for a reason that others can review',
    operands: 'FINGERPRINT',
    arity: [1, 1],
    options: { reason: REASON_OPTION, json: JSON_OPTION },
    details: ['It is written to .lockfast/guard-ignore.toml, which is for git. It holds for this value in this file alone.'],
    examples: [['lockfast guard ignore 3f1c5a9b2e7d4c60 --reason "example key of the vendor\'s manual"', 'as `guard scan` shows it']],
    load: () => import('./ignore.ts'),
  },
  {
    name: 'guard textconv',
    summary: 'show which variables an encrypted file has, for `git diff`; no key is needed',
    operands: 'FILE',
    arity: [1, 1],
    options: {},
    details: ["Each line is a name and a digest of its ciphertext, which changes when the value does. `guard install` registers it as git's diff of *.encrypted."],
    examples: [['lockfast guard textconv .env.encrypted', 'names, no values']],
    load: () => import('./textconv.ts'),
  },
];
