import { basename } from 'node:path';

import { LockfastError } from '@lockfast/core/errors';
import type { KeyRing } from '@lockfast/core/keyring';

import type { Configuration } from './configuration.ts';

/** @throws LockfastError `wrong-environment` */
export function refuseOtherEnvironment(ring: KeyRing, { environment, file }: Pick<Configuration, 'environment' | 'file'>): void {
  if (ring.environment === environment) return;
  throw new LockfastError(
    'wrong-environment',
    `the key ring is of the environment ${ring.environment}, ${basename(file)} says ${environment}`,
    'use the key ring of this environment; each one has its own keys',
  );
}
