import { quotedWord } from '../shell-word.ts';
import type { CompletedCommand, CompletedOption, Completion, Place } from './completion-table.ts';

/** Works from a directory of `fpath` as well as by `source <(lockfast completion zsh)`: the last lines tell the two apart. */
export function zshCompletion({ commands, words }: Completion): string {
  const names = [...words.keys()].filter((name) => name !== '');
  return `#compdef lockfast
# zsh completion of lockfast; made by: lockfast completion zsh
_lockfast() {
  local command='' i
  local -a next
  for ((i = 2; i < CURRENT; i++)); do
    case "\${command:+$command }\${words[i]}" in
      (${[...commands.map(({ name }) => name), ...names].map(quotedWord).join('|')})
        command="\${command:+$command }\${words[i]}" ;;
      (*) break ;;
    esac
  done
  case $command in
${[...words].map(([name, next]) => wordsBehind(name, next, commands.some((command) => command.name === name))).join('\n')}
  esac
${commands.filter(({ takesCommand }) => takesCommand).map(program).join('')}  # The words of the command's name count as one.
  ((CURRENT -= i - 2))
  shift $((i - 2)) words
  case $command in
${commands.map(argumentsOf).join('\n')}
  esac
}

if [[ $funcstack[1] == _lockfast ]]; then
  _lockfast "$@"
else
  compdef _lockfast lockfast
fi
`;
}

/** @param isCommand whether it is a command by itself, too: then its options may follow as well */
function wordsBehind(name: string, next: ReadonlyMap<string, string>, isCommand: boolean): string {
  const rows = [...next].map(([word, help]) => `        ${quotedWord(`${word}:${help.replaceAll(':', '\\:')}`)}`);
  const alone = name === '' ? `\n      [[ $PREFIX == -* ]] && { compadd -- --help --version; return; }` : '';
  const [open, close] = isCommand ? ['\n      if [[ $PREFIX != -* ]] && ((i == CURRENT)); then', '\n      fi ;;'] : ['', ' ;;'];
  return `    (${quotedWord(name)})${alone}${open}
      next=(
${rows.join('\n')}
      )
      _describe -t commands command next
      return${close}`;
}

/** Behind `--` stands another program's command line: as if it stood alone. */
function program({ name }: CompletedCommand): string {
  return `  if [[ $command == ${quotedWord(name)} ]]; then
    local -i dashes=\${words[(ib:i:)--]}
    if ((dashes < CURRENT)); then
      ((CURRENT -= dashes))
      shift $dashes words
      _normal
      return
    fi
  fi
`;
}

function argumentsOf({ name, options, operands, takesCommand }: CompletedCommand): string {
  const rest = takesCommand ? ["'*:program:(--)'"] : operands === 'anything' ? [] : [quotedWord(`*:argument:${action(operands)}`)];
  return `    (${quotedWord(name)})
      _arguments -s -S ${[...options.map(specification), ...rest].join(' \\\n        ')} ;;`;
}

function specification({ name, help, value, valueName, repeats }: CompletedOption): string {
  const text = help.replaceAll(/[\\[\]:]/g, '\\$&');
  const argument = value === undefined ? '' : `:${valueName.replaceAll(/[\\:]/g, '\\$&')}:${action(value)}`;
  return quotedWord(`${repeats ? '*' : ''}--${name}${value === undefined ? '' : '='}[${text}]${argument}`);
}

function action(place: Place): string {
  if (place === 'file') return '_files';
  if (place === 'directory') return '_files -/';
  return place === 'anything' ? ' ' : `(${place.join(' ')})`;
}
