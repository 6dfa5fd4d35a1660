/** Where programs of the system are, whatever the caller's PATH says: root must not run what a user put first. */
export const SYSTEM_PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';
