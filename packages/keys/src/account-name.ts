import { userInfo } from 'node:os';

/** Of the account that this process runs as. One that the system has no name for, as in containers, is its number. */
export function accountName(): string {
  try {
    return userInfo().username;
  } catch {
    return `uid ${process.getuid?.() ?? -1}`;
  }
}
