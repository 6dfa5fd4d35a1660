import type { Option } from '../command.ts';

export const DESPITE_INSTANCES = 'despite-instances';

export const DESPITE_INSTANCES_OPTION: Option = { kind: 'flag', help: 'also while running applications are not ready, or can not be asked; needs --reason' };
