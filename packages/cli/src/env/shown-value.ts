/** A value with line breaks or control characters is shown as a JSON string: it must not forge a line, or drive the terminal. */
export function shownValue(value: string): string {
  // oxlint-disable-next-line no-control-regex
  return /[\u0000-\u001f\u007f-\u009f]/.test(value) ? JSON.stringify(value) : value;
}
