// What both applications share: the key ring, which is asked for before anything else, and the two encrypted columns.
import { column } from '@lockfast/columns';
import { LockfastError } from '@lockfast/core/errors';
import { openLiveKeyRing } from '@lockfast/keys';

const LOOK_MS = 500;

/** Without a key ring that is fit for production the process ends here, with the reason. */
export async function productionRing() {
  try {
    return await openLiveKeyRing(
      { path: process.env.KEY_RING, sources: [process.env.KEY_SOURCE] },
      {
        environment: process.env,
        home: process.env.HOME,
        directory: process.cwd(),
        askPassphrase: () => Promise.reject(new LockfastError('terminal-needed', 'a service asks nobody', 'name another key source')),
      },
      { production: true, environment: process.env.ENVIRONMENT },
      LOOK_MS,
    );
  } catch (error) {
    if (!(error instanceof LockfastError)) throw error;
    process.stdout.write(`not started: ${error.code}: ${error.message}\n`);
    return process.exit(1);
  }
}

/** A token is bound to the organization: in another one's row it does not decrypt. */
export function integrationColumns(ring) {
  return {
    botToken: column(ring, { id: 'slack.bot_token', context: ['org_id'] }),
    accessToken: column(ring, { id: 'confluence.access_token', context: ['org_id'] }),
  };
}
