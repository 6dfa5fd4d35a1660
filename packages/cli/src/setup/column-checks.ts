/** Whether the declared columns fit together, and what they refer to is there. No database is asked: it may take its time. */
import { existsSync } from 'node:fs';
import { dirname } from 'node:path';

import { shownPath } from '@lockfast/core/files';

import { declaredIndexes } from '../column/blind-index/declared-indexes.ts';
import { databaseUrl } from '../column/database-url.ts';
import { declaredColumns } from '../column/declared.ts';
import type { Configuration } from '../configuration.ts';
import type { Session } from '../session.ts';
import { counted } from '../terminal.ts';
import { surroundings } from '../workspace.ts';
import { type Check, failure, good, refused, warning } from './check.ts';

export function columnChecks(configuration: Configuration | undefined, session: Session): Check[] {
  if (configuration === undefined || configuration.columns.length + configuration.blindIndexes.length === 0) return [];
  try {
    const columns = declaredColumns(configuration);
    const names = [...new Set(columns.map(({ database }) => database))];
    const urls = names.map((name) => urlCheck(name, configuration, session));
    const indexes = declaredIndexes(configuration);
    const searched = indexes.length === 0 ? [] : [good('blind indexes', `${indexes.length} over ${counted(new Set(indexes.map(({ source }) => source.id)).size, 'column')}: how they are, \`lockfast column index status\` tells`)];
    return [good('columns', `${counted(columns.length, 'column')} in ${counted(names.length, 'database')}: how they are, \`lockfast column status\` tells`), ...searched, ...urls];
  } catch (error) {
    return [failure('columns', ...refused(error))];
  }
}

/** Here the variable may be missing that is there where the jobs run. */
function urlCheck(name: string, { file, databases }: Configuration, session: Session): Check {
  const check = `database ${name}`;
  const { url } = databases[name]!;
  try {
    const { kind, url: path } = databaseUrl(name, url, surroundings(session, dirname(file)));
    if (kind === 'sqlite' && !existsSync(path)) return failure(check, `there is no file ${shownPath(path)}`, 'check the path; a job makes no databases');
    return good(check, /^(?:env|file):/.test(url) ? url : 'its URL is in lockfast.toml');
  } catch (error) {
    return (url.startsWith('env:') ? warning : failure)(check, ...refused(error));
  }
}
