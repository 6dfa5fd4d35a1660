import type { CompletedCommand, CompletedOption, Completion, Place } from './completion-table.ts';

export function fishCompletion({ commands, words }: Completion): string {
  const names = [...commands.map(({ name }) => name), ...[...words.keys()].filter((name) => name !== '')];
  return `# fish completion of lockfast; made by: lockfast completion fish
function __lockfast_at --description 'Whether the words before the cursor name this command, or this beginning of one'
    set -l line (commandline -opc)
    set -e line[1]
    set -l command ''
    for word in $line
        set -l longer (string trim -- "$command $word")
        contains -- "$longer" ${names.map(quoted).join(' ')}; or break
        set command $longer
    end
    test "$command" = "$argv[1]"; and not __lockfast_behind_dashes
end

function __lockfast_behind_dashes
    contains -- -- (commandline -opc)
end

function __lockfast_program --description 'Completes the command line behind --'
    set -l line (commandline -opc)
    set -e line[1..(contains -i -- -- $line)]
    complete -C (string join ' ' -- (string escape -- $line) (commandline -ct))
end

complete -c lockfast -f
complete -c lockfast -n '__lockfast_at ""' -l help -d 'show all commands'
complete -c lockfast -n '__lockfast_at ""' -l version -d 'show the version'
${[...words].flatMap(([name, next]) => [...next].map(([word, help]) => `complete -c lockfast -n ${at(name)} -a ${quoted(word)} -d ${quoted(help)}`)).join('\n')}
${commands.flatMap(rows).join('\n')}
`;
}

function rows({ name, options, operands, takesCommand }: CompletedCommand): string[] {
  const lines = options.map((option) => `complete -c lockfast -n ${at(name)} -l ${option.name}${taking(option)} -d ${quoted(option.help)}`);
  if (takesCommand) return [...lines, `complete -c lockfast -n ${at(name)} -a -- -d 'and the program to run'`, "complete -c lockfast -n __lockfast_behind_dashes -x -a '(__lockfast_program)'"];
  if (operands === 'anything') return lines;
  return [...lines, `complete -c lockfast -n ${at(name)}${standing(operands)}`];
}

function taking({ value }: CompletedOption): string {
  return value === undefined ? '' : value === 'anything' ? ' -x' : ` -r${standing(value)}`;
}

/** What may stand at a place that is not guessed: files by name, directories by fish's own function, or our words. */
function standing(place: Exclude<Place, 'anything'>): string {
  if (place === 'file') return ' -F';
  return ` -f -a ${place === 'directory' ? "'(__fish_complete_directories)'" : quoted(place.join(' '))}`;
}

function at(name: string): string {
  return quoted(`__lockfast_at "${name}"`);
}

function quoted(text: string): string {
  return `'${text.replaceAll(/['\\]/g, '\\$&')}'`;
}
