import { userInfo } from 'node:os';

/**
 * What `~` stands for: HOME, or where that is not set, empty or relative, what the system has for the account. A relative
 * one would be another directory, with other locks in it, from each working directory. An account that the system does not
 * know, as in containers, has `/`: nothing may be written there, and what needs that says so.
 */
export function homeDirectory({ HOME: home }: NodeJS.ProcessEnv): string {
  if (home?.startsWith('/') === true) return home;
  try {
    const { homedir } = userInfo();
    return homedir.startsWith('/') ? homedir : '/';
  } catch {
    return '/';
  }
}
