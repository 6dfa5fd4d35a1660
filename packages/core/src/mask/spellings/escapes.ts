/** Text between the quotes of a language: what JSON, shells, XML, YAML and the printers of languages make of it. */

export function escapedSpellings(text: string): string[] {
  const inJson = jsonSpellings(text);
  return [
    ...inJson,
    // JSON in JSON: a log line that holds a body
    ...inJson.flatMap(jsonSpellings),
    ...inspectedSpellings(text),
    ...shellSpellings(text),
    ...xmlSpellings(text),
    // YAML in single quotes
    text.replaceAll("'", "''"),
  ];
}

function jsonSpellings(text: string): string[] {
  const plain = JSON.stringify(text).slice(1, -1);
  const ascii = plain.replaceAll(/[\u0080-\uffff]/g, unicodeEscape);
  // PHP escapes the slash, Go what HTML would read.
  return [plain, ascii, plain.replaceAll('/', String.raw`\/`), ascii.replaceAll('/', String.raw`\/`), plain.replaceAll(/[<>&]/g, unicodeEscape)];
}

function unicodeEscape(character: string): string {
  return String.raw`\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
}

/** `util.inspect`, Python's `repr`, Go's `%q`: in double quotes, in single ones, and where neither needs escaping. */
function inspectedSpellings(text: string): string[] {
  const json = JSON.stringify(text).slice(1, -1);
  const neither = json.replaceAll(String.raw`\"`, '"');
  const hex = (escaped: string): string => escaped.replaceAll(/\\u00([0-9a-f]{2})/g, String.raw`\x$1`);
  const single = neither.replaceAll("'", String.raw`\'`);
  // Python prints bytes one by one where they are not ASCII.
  const bytes = Buffer.from(single, 'utf8').toString('latin1').replaceAll(/[\u0080-\u00ff]/g, (byte) => String.raw`\x${byte.charCodeAt(0).toString(16)}`);
  return [neither, single, hex(neither), hex(single), hex(json), bytes];
}

function shellSpellings(text: string): string[] {
  return [
    text.replaceAll("'", String.raw`'\''`),
    text.replaceAll("'", `'"'"'`),
    // in double quotes
    text.replaceAll(/[\\"$`]/g, String.raw`\$&`),
    // bare, as printf %q writes it
    text.replaceAll(/[^\w@%+=:,./-]/g, String.raw`\$&`),
    // Compose and make
    text.replaceAll('$', '$$$$'),
  ];
}

function xmlSpellings(text: string): string[] {
  const tags = text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
  const double = tags.replaceAll('"', '&quot;');
  const numbered = tags.replaceAll('"', '&#34;');
  return [
    tags,
    double,
    double.replaceAll("'", '&#39;'),
    double.replaceAll("'", '&#x27;'),
    double.replaceAll("'", '&apos;'),
    numbered.replaceAll("'", '&#39;'),
  ];
}
