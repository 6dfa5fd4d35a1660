/** `.env.example`: the names of a tenant's variables, and none of their values. */

/**
 * The template with the names that it lacks added at its end; what stands in it stays.
 *
 * @param present undefined where there is none yet
 * @returns undefined when nothing is to be added
 */
export function exampleWith(present: string | undefined, names: Iterable<string>, tenant: string): string | undefined {
  const known = new Set([...(present ?? '').matchAll(/^[ \t]*#?[ \t]*(?:export[ \t]+)?([A-Za-z0-9_.-]+)[ \t]*=/gm)].map(([, name]) => name!));
  const missing = [...new Set(names)].filter((name) => !known.has(name));
  if (present !== undefined && missing.length === 0) return undefined;
  const before = present ?? `# The variables of ${tenant}. Their values are encrypted: lockfast env set NAME --tenant ${tenant}\n`;
  return `${before}${before === '' || before.endsWith('\n') ? '' : '\n'}${missing.map((name) => `${name}=\n`).join('')}`;
}
