import type { Arguments } from '../arguments.ts';
import { type Configuration, findUpward, loadConfiguration } from '../configuration.ts';
import type { Session } from '../session.ts';
import { type Check, failure, good, refused, warning } from './check.ts';
import { columnChecks } from './column-checks.ts';
import { gitChecks } from './git-checks.ts';
import { keyChecks } from './key-checks.ts';
import { lostCheck, lostFiles, printLost } from './lost-keys.ts';
import { machineChecks } from './machine-checks.ts';

/** Looks and changes nothing; asks nobody anything. Exit status 1 when a check failed; a warning is no failure. */
export async function run(args: Arguments, session: Session): Promise<number> {
  const { configuration, check } = configurationCheck(args.text('config'), session);
  const keys = configuration === undefined ? undefined : await keyChecks(configuration, session);
  const lost = configuration === undefined || keys?.undecided === true ? [] : lostFiles(configuration, keys?.ring);
  const checks = [...machineChecks(session), check, ...(keys?.checks ?? []), ...lostCheck(lost, keys?.way), ...columnChecks(configuration, session), ...gitChecks(configuration, session)];
  if (args.flag('json')) {
    session.terminal.json({ ok: !checks.some(({ state }) => state === 'failed'), checks: checks.map((one) => ({ ok: one.state !== 'failed', ...one })), lost });
  } else {
    print(checks, session);
    printLost(lost, keys?.way, session.terminal);
  }
  return checks.some(({ state }) => state === 'failed') ? 1 : 0;
}

/** Before `init` there is nothing to find, and the rest of the machine can be checked all the same. */
function configurationCheck(given: string | undefined, session: Session): { configuration: Configuration | undefined; check: Check } {
  const name = 'configuration';
  if (given === undefined && findUpward(session.directory) === undefined) {
    return { configuration: undefined, check: warning(name, 'there is no lockfast.toml here or above', 'run `lockfast init` where the project begins; keys and env files were not checked') };
  }
  try {
    const configuration = loadConfiguration(given, session);
    return { configuration, check: good(name, `${configuration.file}, environment ${configuration.environment}`) };
  } catch (error) {
    return { configuration: undefined, check: failure(name, ...refused(error)) };
  }
}

function print(checks: readonly Check[], { terminal }: Session): void {
  terminal.table(
    ['CHECK', 'STATE', 'DETAIL'],
    checks.map(({ name, state, detail, hint }) => [name, state, hint === '' ? detail : `${detail}: ${hint}`]),
  );
  const count = (state: Check['state']): number => checks.filter((one) => one.state === state).length;
  terminal.line();
  terminal.line(`${count('good')} good, ${count('warning')} warnings, ${count('failed')} failed`);
}
