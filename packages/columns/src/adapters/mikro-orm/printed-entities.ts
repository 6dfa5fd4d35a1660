/** How entities print: MikroORM prints them into messages of errors ("... is required, 'undefined' found\nentity: ..."), and its errors carry them. */
import { inspect } from 'node:util';

import { type EntityMetadata, helper } from '@mikro-orm/core';

import { EncryptedType } from './encrypted-type.ts';
import { HeldValue } from './held-value.ts';

type Members = Readonly<Record<string, unknown>>;
type Print = (this: object, depth: number, ...rest: unknown[]) => unknown;

const HIDES: unique symbol = Symbol('lockfast hides values');

/** From then on `inspect` and `console.log` show `[value of connections.bot_token]` in the entity. `JSON.stringify` is the matter of `hidden`. */
export function hideWhenPrinted({ prototype }: Pick<EntityMetadata, 'prototype'>): void {
  const own = prototype as { [inspect.custom]?: Print & { [HIDES]?: true } };
  const print = own[inspect.custom];
  if (print === undefined || print[HIDES] === true) return;
  own[inspect.custom] = Object.assign(
    function (this: object, depth: number, ...rest: unknown[]): unknown {
      return print.call(withoutValues(this), depth, ...rest);
    },
    { [HIDES]: true as const },
  );
}

/** The entity, as far as one looks at its members. */
function withoutValues(entity: object): object {
  const shown = new Map<PropertyKey, unknown>();
  for (const { name, customType, embedded } of helper(entity).__meta.props) {
    if (!(customType instanceof EncryptedType)) continue;
    const [owner, member] = embedded ?? [];
    if (owner === undefined || member === undefined) shown.set(name, hidden(customType, (entity as Members)[name]));
    else {
      const object = shown.get(owner) ?? (entity as Members)[owner];
      if (object !== null && typeof object === 'object') shown.set(owner, { ...object, [member]: hidden(customType, (object as Members)[member]) });
    }
  }
  return new Proxy(entity, { get: (target, name) => (shown.has(name) ? shown.get(name) : Reflect.get(target, name, target)) });
}

function hidden({ column }: EncryptedType<unknown>, value: unknown): unknown {
  return value === null || value === undefined ? value : new HeldValue(column, null);
}
