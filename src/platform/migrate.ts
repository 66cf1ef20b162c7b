import { readFile } from "node:fs/promises";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { type MigrationBuilder, runner } from "node-pg-migrate";
import pg from "pg";

const MIGRATIONS = fileURLToPath(new URL("../../migrations/", import.meta.url));
const LOCK_KEY = 871_402_933;
const LOCK_POLL_MS = 100;
/** Behind a migration that waits for a table lock every query on that table waits too: give up early instead. */
const LOCK_TIMEOUT_MS = 10_000;
const NO_TRANSACTION = /^-- no transaction\b/;
const INDEX_MADE = /^create (?:unique )?index concurrently (\w+)/im;

/** Where the SQL files are, and where to say what was done. */
export interface MigrateOptions {
  directory?: string;
  log?: (line: string) => void;
}

/**
 * Brings the schema up to date with migrations/*.sql and returns the names of the files that ran. Processes that
 * start together take turns. All pending files commit together or not at all, save a file whose first line is
 * `-- no transaction` (for `create index concurrently`, alone in its file): it commits what came before it.
 *
 * @throws Error if a statement fails, the database is not UTF-8, or a new file sorts before one that has run
 */
export async function migrate(databaseUrl: string, options: MigrateOptions = {}): Promise<string[]> {
  const { directory = MIGRATIONS, log = console.log } = options;
  const client = new pg.Client({ connectionString: databaseUrl, application_name: "waybill-migrate" });
  await client.connect();
  try {
    await requireUtf8(client);
    await takeTurn(client, log);
    await client.query("set statement_timeout = 0");
    const warn = (line: string) => {
      // That is meant: an index which is built concurrently belongs to no transaction.
      if (!line.includes("Need to break single transaction")) log(line);
    };
    const ran = await runner({
      dbClient: client,
      noLock: true,
      dir: directory,
      ignorePattern: "(?!.*\\.sql$).*",
      migrationLoaderStrategies: [{ extensions: [".sql"], loader: loadSqlFiles }],
      migrationsTable: "schema_migrations",
      direction: "up",
      singleTransaction: true,
      logger: { info: () => {}, warn, error: log },
    });
    for (const { name } of ran) log(`migrated ${name}`);
    return ran.map(({ name }) => name);
  } finally {
    await client.end();
  }
}

async function requireUtf8(client: pg.Client): Promise<void> {
  const { rows } = await client.query(
    "select current_database() as name, current_setting('server_encoding') as encoding",
  );
  if (rows[0].encoding === "UTF8") return;
  throw new Error(
    `The database "${rows[0].name}" has the encoding ${rows[0].encoding}, but Waybill needs UTF8: ` +
      `create database … encoding 'UTF8' locale 'C.UTF-8' template template0.`,
  );
}

/**
 * Takes the migrators' advisory lock, held until the connection ends. It asks again and again instead of waiting
 * inside a query: a waiting query holds a snapshot, and `create index concurrently` waits for those: a deadlock.
 */
async function takeTurn(client: pg.Client, log: (line: string) => void): Promise<void> {
  for (let attempt = 0;; attempt++) {
    const { rows } = await client.query(`select pg_try_advisory_lock(${LOCK_KEY}) as locked`);
    if (rows[0].locked) return;
    if (attempt === 0) log("another process is migrating this database; waiting for it");
    await delay(LOCK_POLL_MS);
  }
}

/** The whole of a file goes forward; there is no way back, whatever its comments say. */
function loadSqlFiles(paths: string[]) {
  return Promise.all(paths.map(async (path) => {
    const sql = await readFile(path, "utf8");
    const up = (pgm: MigrationBuilder) => {
      const alone = NO_TRANSACTION.test(sql);
      if (alone) pgm.noTransaction();
      pgm.sql(`set lock_timeout = ${alone ? 0 : LOCK_TIMEOUT_MS}`);
      const index = alone ? INDEX_MADE.exec(sql)?.[1] : undefined;
      // A run that was killed or failed leaves it behind, invalid, and without its mark that the file has run.
      if (index) pgm.sql(`drop index concurrently if exists ${index}`);
      pgm.sql(sql);
    };
    return { id: path, filePaths: [path], actions: { up, down: false as const } };
  }));
}
