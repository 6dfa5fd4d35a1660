/** How units of this machine call Lockfast. */
export interface Installation {
  /** The absolute program, and the arguments before the command's words. */
  readonly lockfast: readonly string[];
  /** The absolute path of `lockfast.toml`. */
  readonly configuration: string;
  /** `/etc/systemd/system`, or that of a user. */
  readonly unitDirectory: string;
  readonly scope: 'system' | 'user';
  /** As whom the key ring is opened: an account that can read the root key. */
  readonly rootKey: RootKeyAccount;
}

export interface RootKeyAccount {
  readonly user: string;
  readonly uid: number;
  /** The name of the systemd credential that the root key is, where it is one. */
  readonly credential?: string | undefined;
}
