import { expect, test } from 'vitest';

import { listArgument, parseSchema, wordArgument } from '../../src/adapters/prisma/schema-text.ts';

test('a schema is read as Prisma reads it: comments, texts with brackets in them, attributes', () => {
  const models = parseSchema(`
    generator client { provider = "prisma-client" }
    /// model Comment { id Int @id }
    model First {
      id     Int      @id @default(autoincrement()) // model Second {
      name   String?  @map("na}me") @default("a \\" // } b") @db.VarChar(20)
      list   String[] @default(["x", "y]"])
      /* other Other
      */
      other  Other    @relation("o", fields: [otherId, other_name], references: [id, name], onDelete: SetNull)
      otherId Int
      other_name String
      odd    Unsupported("circle")?
      @@unique([name(sort: Desc), otherId], map: "m")
      @@map("firsts")
    }
    view Größe {
      wert Int
    }
    enum Kind {
      A @map("a")
    }
    type Embedded {
      model String
    }
    model Empty {
    }`);
  expect([...models.keys()]).toEqual(['First', 'Größe', 'Empty']);
  const { fields, attributes } = models.get('First')!;
  expect([...fields.keys()]).toEqual(['id', 'name', 'list', 'other', 'otherId', 'other_name', 'odd']);
  expect(fields.get('name')).toMatchObject({ type: 'String', optional: true, list: false });
  expect(fields.get('name')!.attributes.map(({ name }) => name)).toEqual(['map', 'default', 'db.VarChar']);
  expect(fields.get('list')).toMatchObject({ type: 'String', optional: false, list: true });
  expect(fields.get('odd')).toMatchObject({ type: 'Unsupported', optional: true });
  const relation = fields.get('other')!.attributes[0]!;
  expect(listArgument(relation, 'fields')).toEqual(['otherId', 'other_name']);
  expect(listArgument(relation, 'references')).toEqual(['id', 'name']);
  expect(listArgument(relation, 'nothing')).toEqual([]);
  expect(wordArgument(relation, 'onDelete')).toBe('SetNull');
  expect(attributes.map(({ name }) => name)).toEqual(['unique', 'map']);
  expect(attributes[0]!.args).toContain('otherId');
});

test('what is no schema gives no models', () => {
  for (const text of ['', '}', 'model', 'model X', '{{{{', '"', '/*', 'model X { id Int @id(']) expect(parseSchema(text).get('Y')).toBeUndefined();
});
