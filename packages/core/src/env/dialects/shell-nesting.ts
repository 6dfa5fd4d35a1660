/** What is open: a parenthesis, a bracket, double quotes, a backquote, a brace, a brace within double quotes. */
type Open = '(' | '[' | '"' | '`' | '{' | '"{';

/**
 * The offset behind the end of something that began before `from` with `open`, where quotes and substitutions may be nested; or
 * `undefined` if the text ends first. It keeps a stack instead of calling itself: nesting is as deep as the file is long. What
 * bash parses as commands is only bracketed here, so a lone parenthesis of a `case` in `$(...)` ends it early.
 */
export function skipNested(text: string, from: number, open: string): number | undefined {
  const stack: Open[] = [open as Open];
  const closers: Record<Open, string> = { '(': ')', '[': ']', '"': '"', '`': '`', '{': '}', '"{': '}' };
  for (let at = from; at < text.length; at++) {
    const top = stack.at(-1) ?? '(';
    const char = text.charAt(at);
    if (char === '\\') at++;
    else if (char === closers[top]) {
      stack.pop();
      if (stack.length === 0) return at + 1;
    } else if (top === '`') continue;
    else if (char === "'" && (top === '(' || top === '{')) {
      const end = text.charAt(at - 1) === '$' ? endOfAnsiQuote(text, at + 1) : text.indexOf("'", at + 1);
      if (end === undefined || end === -1) return undefined;
      at = end;
    } else if (char === '"' || char === '`') stack.push(char);
    else if (char === '(' && (top === '(' || text.charAt(at - 1) === '$')) stack.push('(');
    else if (char === '{' && text.charAt(at - 1) === '$') stack.push(top === '"' || top === '"{' ? '"{' : '{');
  }
  return undefined;
}

/** The offset of the quote that ends `$'...'`, from behind its first quote. */
export function endOfAnsiQuote(text: string, from: number): number | undefined {
  let at = from;
  while (at < text.length && text.charAt(at) !== "'") at += text.charAt(at) === '\\' ? 2 : 1;
  return at < text.length ? at : undefined;
}
