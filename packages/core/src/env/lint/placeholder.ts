/** What people write in a template for "fill this in". */
const PLACEHOLDER = /^<.*>$|^\[.*\]$|^\{\{.*\}\}$|^\.+$|^x{3,}|^\*+$|^(?:your|my)[-_ ]|change[-_ ]?(?:me|this)|^(?:todo|tbd|fixme|none|null|undefined|replace|insert|placeholder|dummy|example)\b|[-_]here$|\.\.\.$/i;

/** Whether a value is none, but the place of one: `changeme`, `<token>`, `your-key-here`, `xxx`. An empty one is none of them. */
export function isPlaceholder(value: string): boolean {
  return PLACEHOLDER.test(value.trim());
}
