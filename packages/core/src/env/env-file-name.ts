/** What env files are called. Which of them a command is about is for each to say: see their callers. */

/** Without a name of its own: the plaintext. */
export const USUAL_FILE = '.env';
/** Behind the name of the plaintext. */
export const ENCRYPTED_SUFFIX = '.encrypted';
/** Files that show what should be in an env file, and hold no values: `.env.example`. */
export const TEMPLATE_ENDINGS: readonly string[] = ['example', 'sample', 'template', 'dist'];

export function isTemplateName(name: string): boolean {
  return TEMPLATE_ENDINGS.some((end) => name.endsWith(`.${end}`));
}
