// The JSON Schema of lockfast.toml, from the table that its reader checks against.
// node --conditions=lockfast-source tools/make-schema.mjs [--check]
import { SETTINGS } from '../packages/cli/src/settings.ts';
import { writeOrCheck } from './generated-file.mjs';

function objectOf(settings) {
  const required = Object.keys(settings).filter((name) => settings[name].required === true);
  return {
    type: 'object',
    additionalProperties: false,
    ...(required.length === 0 ? {} : { required }),
    properties: Object.fromEntries(
      Object.entries(settings).map(([name, { help, ...setting }]) => [name, { description: help, ...valueOf(setting) }]),
    ),
  };
}

function valueOf({ schema, table, repeated, keyed }) {
  if (table === undefined) return schema;
  if (repeated === true) return { type: 'array', items: objectOf(table) };
  return keyed === true ? { type: 'object', additionalProperties: objectOf(table) } : objectOf(table);
}

const schema = {
  $schema: 'http://json-schema.org/draft-07/schema#',
  title: 'lockfast.toml',
  description: 'The configuration of the command lockfast.',
  ...objectOf(SETTINGS),
};

writeOrCheck('packages/cli/schema/lockfast.schema.json', `${JSON.stringify(schema, null, 2)}\n`, process.argv.slice(2));
