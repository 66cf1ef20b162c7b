/** `deno task migrate`: brings the schema of DATABASE_URL up to date. Reads `.env` where it is there. */

import { parseDatabaseUrl } from "../src/settings.ts";
import { readEnvFile } from "../src/platform/env_file.ts";
import { prepareDatabase } from "./prepare_database.ts";

if (import.meta.main) {
  readEnvFile();
  const url = Deno.env.get("DATABASE_URL");
  if (!url) {
    console.error(
      "Cannot migrate: DATABASE_URL is not set (`deno task dev` migrates its own database by itself).",
    );
    Deno.exit(1);
  }
  try {
    const ran = await prepareDatabase(parseDatabaseUrl(url));
    console.log(
      ran.length === 0 ? "The schema is up to date." : `The schema is up to date: ${ran.length} new.`,
    );
  } catch (error) {
    console.error(`Cannot migrate: ${error instanceof Error ? error.message : error}`);
    Deno.exit(1);
  }
}
