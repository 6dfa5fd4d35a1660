/** What `prisma migrate` would make of schema.prisma beside the tables of the contract: it needs an engine that is downloaded. */
export const OWN_TABLES = `
  CREATE TYPE "ProjectKind" AS ENUM ('Active', 'Archived');
  CREATE TABLE "Project" (
    id serial PRIMARY KEY,
    "orgId" text NOT NULL REFERENCES organizations (id) ON DELETE CASCADE ON UPDATE CASCADE,
    name text NOT NULL,
    kind "ProjectKind" NOT NULL DEFAULT 'Active',
    "deployKey" text,
    "parentId" integer REFERENCES "Project" (id) ON DELETE SET NULL ON UPDATE CASCADE,
    UNIQUE ("orgId", name)
  );
  CREATE TABLE "Environment" (
    id text PRIMARY KEY,
    "projectId" integer NOT NULL REFERENCES "Project" (id) ON UPDATE CASCADE,
    name text NOT NULL,
    secret text NOT NULL,
    "updatedAt" timestamp(3) NOT NULL,
    UNIQUE ("projectId", name)
  );
  CREATE TABLE "Tag" (id text PRIMARY KEY, data text, token text);
  CREATE TABLE "_ProjectToTag" ("A" integer NOT NULL REFERENCES "Project" (id), "B" text NOT NULL REFERENCES "Tag" (id), PRIMARY KEY ("A", "B"));
  CREATE TABLE "Vault" ("orgId" text PRIMARY KEY REFERENCES organizations (id) ON UPDATE CASCADE, data text, secret text);
  CREATE TABLE "Audit" (id serial PRIMARY KEY, text text NOT NULL);`;
