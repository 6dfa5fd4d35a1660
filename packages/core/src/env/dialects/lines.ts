/** The line number, from 1, of an offset in a text. Only a line feed ends a line, as in git and in an editor's status bar. */
export type LineNumbers = (offset: number) => number;

export function lineNumbers(text: string): LineNumbers {
  let feeds: number[] | undefined; // found on the first question: a file without problems never asks
  return (offset) => {
    feeds ??= lineFeeds(text);
    let low = 0;
    let high = feeds.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((feeds[middle] ?? 0) < offset) low = middle + 1;
      else high = middle;
    }
    return low + 1;
  };
}

function lineFeeds(text: string): number[] {
  const feeds: number[] = [];
  for (let at = text.indexOf('\n'); at !== -1; at = text.indexOf('\n', at + 1)) feeds.push(at);
  return feeds;
}

/**
 * `text.indexOf(search, from)` for a caller whose `from` only grows: an answer is kept until it is passed. A parser that
 * looks for the same far quote from every line stays linear that way.
 */
export function forwardFinder(text: string, search: string): (from: number) => number {
  let known = -2;
  let asked = 0;
  return (from) => {
    if (known === -2 || from < asked || (known !== -1 && known < from)) {
      asked = from;
      known = text.indexOf(search, from);
    }
    return known;
  };
}
