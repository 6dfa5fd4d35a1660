/** The types that a schema can give a variable. */
const VALUE_TYPES = ['string', 'boolean', 'integer', 'number', 'port', 'url', 'email', 'uuid', 'ip', 'hostname', 'base64', 'hex', 'json', 'duration', 'enum'] as const;
type TypeName = (typeof VALUE_TYPES)[number];

/** `string(minLength=32)`, `integer(min=1, max=9)`, `enum(debug, info)`: parsed and checked. */
export interface ValueType {
  readonly name: TypeName;
  /** Of `enum`. */
  readonly choices: readonly string[];
  readonly limits: Readonly<Partial<Record<Limit, number>>>;
}

type Limit = 'min' | 'max' | 'minLength' | 'maxLength';
const LIMITS: Readonly<Partial<Record<TypeName, readonly Limit[]>>> = {
  integer: ['min', 'max'],
  number: ['min', 'max'],
  string: ['minLength', 'maxLength'],
  base64: ['minLength', 'maxLength'],
  hex: ['minLength', 'maxLength'],
};

/** @returns undefined for what is no type */
export function parseType(text: string): ValueType | undefined {
  const [, name, inner] = /^([a-zA-Z0-9]+)(?:\(([^()]*)\))?$/.exec(text.trim()) ?? [];
  if (!isTypeName(name)) return undefined;
  const parts = (inner ?? '').split(',').map((part) => part.trim()).filter((part) => part !== '');
  if (name === 'enum') return parts.length === 0 ? undefined : { name, choices: parts.map((part) => part.replace(/^(["'])(.*)\1$/, '$2')), limits: {} };
  const limits: Partial<Record<Limit, number>> = {};
  for (const part of parts) {
    const [, limit, number] = /^([a-zA-Z]+)[ \t]*=[ \t]*(-?[0-9]+(?:\.[0-9]+)?)$/.exec(part) ?? [];
    const known = LIMITS[name]?.find((one) => one === limit);
    if (known === undefined) return undefined;
    limits[known] = Number(number);
  }
  return { name, choices: [], limits };
}

/** As a person would say it, for example `integer from 1 to 9`. */
export function describeType({ name, choices, limits }: ValueType): string {
  if (name === 'enum') return `one of ${choices.join(', ')}`;
  const { min, max, minLength, maxLength } = limits;
  const parts: string[] = [name];
  if (min !== undefined) parts.push(`from ${min}`);
  if (max !== undefined) parts.push(`to ${max}`);
  if (minLength !== undefined) parts.push(`of at least ${minLength} characters`);
  if (maxLength !== undefined) parts.push(`of at most ${maxLength} characters`);
  return parts.join(' ');
}

export function fits(value: string, type: ValueType): boolean {
  const { min = -Infinity, max = Infinity, minLength = 0, maxLength = Infinity } = type.limits;
  if (!CHECKS[type.name](value, type)) return false;
  if (type.name === 'integer' || type.name === 'number') return Number(value) >= min && Number(value) <= max;
  return value.length >= minLength && value.length <= maxLength;
}

const CHECKS: Readonly<Record<TypeName, (value: string, type: ValueType) => boolean>> = {
  string: () => true,
  boolean: (value) => /^(?:true|false|1|0|yes|no|on|off)$/i.test(value),
  integer: (value) => /^[+-]?[0-9]{1,30}$/.test(value),
  number: (value) => /^[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:e[+-]?[0-9]+)?$/i.test(value),
  port: (value) => /^[0-9]{1,5}$/.test(value) && Number(value) >= 1 && Number(value) <= 65_535,
  url: (value) => /^[a-z][a-z0-9+.-]*:\/\/\S+$/i.test(value) && URL.canParse(value),
  email: (value) => /^[^\s@<>]+@[^\s@<>]+\.[^\s@<>.]+$/.test(value),
  uuid: (value) => /^[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}$/i.test(value),
  ip: (value) => /^(?:(?:25[0-5]|2[0-4]\d|1?\d?\d)(?:\.(?!$)|$)){4}$/.test(value) || (value.includes(':') && URL.canParse(`http://[${value}]/`)),
  hostname: (value) => value.length <= 253 && /^(?!-)[a-z0-9-]{1,63}(?:\.(?!-)[a-z0-9-]{1,63})*$/i.test(value),
  base64: (value) => /^[A-Za-z0-9+/_-]+={0,2}$/.test(value) && value.replace(/=+$/, '').length % 4 !== 1,
  hex: (value) => /^(?:[0-9a-f]{2})+$/i.test(value),
  json: (value) => isJson(value),
  duration: (value) => /^[0-9]+(?:\.[0-9]+)?(?:ms|s|m|h|d|w)$/.test(value),
  enum: (value, { choices }) => choices.includes(value),
};

function isJson(value: string): boolean {
  try {
    JSON.parse(value);
    return true;
  } catch {
    return false;
  }
}

function isTypeName(name: string | undefined): name is TypeName {
  return (VALUE_TYPES as readonly (string | undefined)[]).includes(name);
}
