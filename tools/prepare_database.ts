import { JOBS } from "../src/jobs.ts";
import { installJobs } from "../src/platform/jobs.ts";
import { migrate, type MigrateOptions } from "../src/platform/migrate.ts";

/** Brings a database up to date: the schema, and the queues of the jobs. Gives the migrations that ran. */
export async function prepareDatabase(databaseUrl: string, options: MigrateOptions = {}): Promise<string[]> {
  const ran = await migrate(databaseUrl, options);
  await installJobs(databaseUrl, JOBS);
  return ran;
}
