import type { CompletedCommand, Completion, Place } from './completion-table.ts';

/**
 * For bash 4.4 and newer. Bash cuts words at `=` and `:` too (COMP_WORDBREAKS), so `--option=value` arrives in three.
 * Every word that it inserts is one of ours, or a name that bash itself found: nothing is evaluated.
 */
export function bashCompletion({ commands, words }: Completion): string {
  return `# bash completion of lockfast; made by: lockfast completion bash
_lockfast() {
  local word=\${COMP_WORDS[COMP_CWORD]} before=\${COMP_WORDS[COMP_CWORD-1]} command='' options='' i
  COMPREPLY=()
  if [[ $word == = ]]; then
    word=''
  elif [[ $before == = ]]; then
    before=\${COMP_WORDS[COMP_CWORD-2]}
  fi
  for ((i = 1; i < COMP_CWORD; i++)); do
    case "\${command:+$command }\${COMP_WORDS[i]}" in
      ${alternatives(commands.map(({ name }) => name).concat([...words.keys()].filter((name) => name !== '')))})
        command="\${command:+$command }\${COMP_WORDS[i]}" ;;
      *) break ;;
    esac
  done
${commands.filter(({ takesCommand }) => takesCommand).map(program).join('')}  case $command in
${[...words].map(([name, next]) => wordsBehind(name, next, commands.some((command) => command.name === name))).join('\n')}
  esac
  case "$command $before" in
${commands.flatMap(values).join('\n')}
  esac
  case $command in
${commands.map(operands).join('\n')}
  esac
}

_lockfast_words() {
  mapfile -t COMPREPLY < <(compgen -W "$1" -- "$word")
}

_lockfast_files() {
  compopt -o filenames 2>/dev/null
  mapfile -t COMPREPLY < <(compgen "$1" -- "$word")
}

complete -F _lockfast lockfast
`;
}

/** @param alone whether it is a command by itself, too: then its options may follow as well */
function wordsBehind(name: string, next: ReadonlyMap<string, string>, alone: boolean): string {
  const offer = `_lockfast_words '${[...next.keys(), ...(name === '' ? ['--help', '--version'] : [])].join(' ')}'; return`;
  return `    ${quoted(name)}) ${alone ? `if [[ $word != -* ]] && ((i == COMP_CWORD)); then ${offer}; fi` : offer} ;;`;
}

/** Behind `--` stands another program's command line. Its own completion is asked where bash-completion is loaded. */
function program({ name }: CompletedCommand): string {
  return `  if [[ $command == ${quoted(name)} ]]; then
    for ((; i < COMP_CWORD; i++)); do
      [[ \${COMP_WORDS[i]} == -- ]] || continue
      if declare -F _comp_command_offset >/dev/null; then
        _comp_command_offset $((i + 1))
      elif declare -F _command_offset >/dev/null; then
        _command_offset $((i + 1))
      elif ((i + 1 == COMP_CWORD)); then
        _lockfast_files -c
      else
        _lockfast_files -f
      fi
      return
    done
  fi
`;
}

function values({ name, options }: CompletedCommand): string[] {
  return options.flatMap((option) => (option.value === undefined ? [] : [`    ${quoted(`${name} --${option.name}`)}) ${reply(option.value)}; return ;;`]));
}

function operands({ name, options, operands: place, takesCommand }: CompletedCommand): string {
  const names = [...options.map((option) => `--${option.name}`), ...(takesCommand ? ['--'] : [])].join(' ');
  return `    ${quoted(name)})
      if [[ $word == -* ]]; then _lockfast_words '${names}'; else ${takesCommand ? `_lockfast_words '${names}'` : reply(place)}; fi ;;`;
}

function reply(place: Place): string {
  if (place === 'file') return '_lockfast_files -f';
  if (place === 'directory') return '_lockfast_files -d';
  return place === 'anything' ? ':' : `_lockfast_words '${place.join(' ')}'`;
}

function alternatives(names: readonly string[]): string {
  return names.map(quoted).join(' | ');
}

/** Names are letters, dashes and spaces. */
function quoted(name: string): string {
  return `'${name}'`;
}
