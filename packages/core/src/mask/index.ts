/** Keeps secrets out of what is printed and logged. A net for accidents, and no wall. */
export type { Unmaskable } from './maskable.ts';
export { MaskTransform } from './mask-transform.ts';
export { maskConsole } from './masked-console.ts';
export { maskedData } from './masked-data.ts';
export { MASK, MaskedStream } from './masked-stream.ts';
export { Masker, type NotMasked } from './masker.ts';
export { type PinoHooks, pinoHooks } from './pino.ts';
export { namePattern, SensitiveNames } from './sensitive-names.ts';
export { alignedBase64, BASE64_ALIGNMENTS } from './spellings/base64.ts';
export { passwordOfUrl } from '../url-password.ts';
export { maskEnv, maskValue, type Shown } from './value-by-name.ts';
