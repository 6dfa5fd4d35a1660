import { LockfastError } from '@lockfast/core/errors';
import type { KeyRing } from '@lockfast/core/keyring';

import type { Configuration } from '../configuration.ts';

/** @throws LockfastError `wrong-environment` */
export function refuseOtherEnvironment(ring: KeyRing, { environment, file }: Pick<Configuration, 'environment' | 'file'>): void {
  if (ring.environment === environment) return;
  throw new LockfastError('wrong-environment', `these are the keys of the environment ${ring.environment}, ${file} says ${environment}`, 'use those of this environment; each one has its own keys');
}
