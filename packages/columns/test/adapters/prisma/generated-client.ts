import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { fileURLToPath, pathToFileURL } from 'node:url';

/** One directory a schema. Its name begins with a dot: neither tsc nor git looks into it. */
const GENERATED = fileURLToPath(new URL('.generated/', import.meta.url));
const PRISMA = fileURLToPath(import.meta.resolve('prisma/package.json'));
const SCHEMA = new URL('schema.prisma', import.meta.url);

/** A model of a client whose types only tsc in `prisma-types.test.ts` knows. */
type Delegate = Readonly<Record<string, (args?: unknown) => Promise<unknown> & Readonly<Record<string, (args?: unknown) => Promise<unknown>>>>>;

export interface RawClient {
  $extends(extension: unknown): RawClient;
  $transaction(work: (client: RawClient) => Promise<unknown>): Promise<unknown>;
  $transaction(work: readonly Promise<unknown>[]): Promise<unknown[]>;
  $on(event: 'query', told: (event: { readonly query: string; readonly params: string }) => void): void;
  $disconnect(): Promise<void>;
  $queryRaw(parts: TemplateStringsArray, ...values: readonly unknown[]): Promise<unknown>;
  $queryRawUnsafe(text: string, ...values: readonly unknown[]): Promise<unknown>;
  $executeRaw(parts: TemplateStringsArray, ...values: readonly unknown[]): Promise<number>;
  $executeRawUnsafe(text: string, ...values: readonly unknown[]): Promise<number>;
}

/** Clients have their models beside these. */
export type GeneratedClient = RawClient & { readonly [Model in 'organization' | 'connection' | 'project' | 'environment' | 'tag' | 'vault' | 'audit']: Delegate };

export interface GeneratedModule {
  readonly PrismaClient: new (options: object) => RawClient;
  readonly Prisma: { readonly DbNull: unknown; readonly JsonNull: unknown; readonly AnyNull: unknown; readonly skip: unknown };
}

/** Generates the client of a schema, unless that was done before, and loads it. */
export async function generatedModule(schema: string = readFileSync(SCHEMA, 'utf8')): Promise<GeneratedModule> {
  return (await import(/* @vite-ignore */ pathToFileURL(`${generatedDirectory(schema)}/client/client.ts`).href)) as GeneratedModule;
}

/** Where the client of a schema is, as `client/client.ts`. */
export function generatedDirectory(schema: string = readFileSync(SCHEMA, 'utf8')): string {
  const { version } = JSON.parse(readFileSync(PRISMA, 'utf8')) as { version: string };
  const directory = `${GENERATED}${createHash('sha256').update(`${version}\0${schema}`).digest('hex').slice(0, 16)}`;
  if (existsSync(directory)) return directory;
  const fresh = `${directory}.${process.pid}`;
  mkdirSync(fresh, { recursive: true });
  writeFileSync(`${fresh}/schema.prisma`, schema);
  // Without these it downloads an engine, and asks for news.
  const env = { ...process.env, PRISMA_SCHEMA_ENGINE_BINARY: '/bin/true', CHECKPOINT_DISABLE: '1', PRISMA_HIDE_UPDATE_MESSAGE: '1' };
  const { status, stdout, stderr } = spawnSync(process.execPath, [PRISMA.replace(/package\.json$/, 'build/index.js'), 'generate', '--schema', `${fresh}/schema.prisma`], { cwd: fresh, env, encoding: 'utf8' });
  if (status !== 0) {
    rmSync(fresh, { recursive: true });
    throw new Error(`prisma generate failed: ${stdout}${stderr}`);
  }
  try {
    renameSync(fresh, directory);
  } catch (error) {
    // Another test was faster.
    if (!existsSync(directory)) throw error;
    rmSync(fresh, { recursive: true });
  }
  return directory;
}
