/** The first member of a definition that nobody reads, in quotes; undefined where there is none. @param known by name */
export function unknownMember(definition: object, known: Readonly<Record<string, true>>): string | undefined {
  const name = Object.keys(definition).find((one) => !Object.hasOwn(known, one));
  return name === undefined ? undefined : JSON.stringify(name);
}
