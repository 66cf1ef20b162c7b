import { assert, assertEquals, assertMatch, assertNotEquals, assertRejects } from "@std/assert";
import { fromFileUrl, join } from "@std/path";
import { inDatabase, withConnection } from "../../tools/database_admin.ts";
import { exists } from "../../tools/files.ts";
import { outputOf } from "../../tools/supervise.ts";
import { type Services, startServices } from "../../tools/services.ts";
import { until } from "../support/until.ts";

interface Dev extends AsyncDisposable {
  services: Services;
  said: string[];
}

async function dev(directory: string): Promise<Dev> {
  const said: string[] = [];
  const services = await startServices({
    purpose: "dev",
    env: { DATA_DIR: directory },
    say: (line) => said.push(line),
  });
  return { services, said, [Symbol.asyncDispose]: services.stop };
}

interface Directory extends AsyncDisposable {
  path: string;
}

async function emptyDirectory(): Promise<Directory> {
  const path = await Deno.makeTempDir({ prefix: "waybill-services-test-" });
  await Deno.chmod(path, 0o755);
  return { path, [Symbol.asyncDispose]: () => Deno.remove(path, { recursive: true }) };
}

let used: Directory | undefined;
Deno.test.afterAll(async () => await used?.[Symbol.asyncDispose]());

/** The data that a run left which wrote a note. Made once, since initdb syncs a thousand files, and then copied. */
async function usedDirectory(): Promise<Directory> {
  if (!used) {
    const made = await emptyDirectory();
    await using first = await dev(made.path);
    await note(first.services.databaseUrl);
    used = made;
  }
  const copy = await emptyDirectory();
  await new Deno.Command("cp", { args: ["-Rp", `${used.path}/.`, copy.path] }).output();
  return copy;
}

const note = (url: string) => withConnection(url, (sql) => sql`create table note as select 'kept' as text`);
const readNote = async (url: string) =>
  (await withConnection(url, (sql) => sql`select text from note`))[0]?.text;
const isUp = (url: string) => withConnection(url, (sql) => sql`select 1`).then(() => true, () => false);

async function serverPid(directory: string): Promise<number> {
  return Number((await Deno.readTextFile(pidFile(directory))).split("\n")[0]);
}

const pidFile = (directory: string) => join(directory, "postgres", "cluster", "postmaster.pid");

Deno.test("an embedded database keeps its data from one start to the next", async () => {
  await using directory = await usedDirectory();
  assertEquals(await exists(pidFile(directory.path)), false, "the server has shut down cleanly");
  await using started = await dev(directory.path);
  assertEquals(await readNote(started.services.databaseUrl), "kept");
});

Deno.test("an embedded database is UTF-8 and folds case beyond ASCII, whatever the locale", async () => {
  await using directory = await usedDirectory();
  await using started = await dev(directory.path);
  const [row] = await withConnection(
    started.services.databaseUrl,
    (sql) => sql`select current_setting('server_encoding') as encoding, lower('ÄÉ') as folded`,
  );
  assertEquals({ ...row }, { encoding: "UTF8", folded: "äé" });
});

Deno.test("the server's password is random and only for its own account", async () => {
  await using directory = await usedDirectory();
  await using started = await dev(directory.path);
  const url = new URL(started.services.databaseUrl);
  assertMatch(url.password, /^[0-9a-f-]{36}$/);
  const { mode } = await Deno.stat(join(directory.path, "postgres", "password"));
  assertEquals(mode! & 0o777, 0o600);
  url.password = "postgres";
  assertEquals(await isUp(url.href), false);
});

Deno.test("a half-made data folder is set aside and does not block the start", async () => {
  await using directory = await emptyDirectory();
  await Deno.mkdir(join(directory.path, "postgres", "cluster"), { recursive: true });
  await Deno.writeTextFile(join(directory.path, "postgres", "cluster", "PG_VERSION"), "18\n");
  await Deno.mkdir(join(directory.path, "postgres.new-0123456789abcdef", "cluster"), { recursive: true });

  await using started = await dev(directory.path);

  assert(await isUp(started.services.databaseUrl));
  assertMatch(started.said.join("\n"), /was not a complete database; it is now .*postgres\.broken-/);
  const names = (await Array.fromAsync(Deno.readDir(directory.path))).map((entry) => entry.name);
  assertEquals(names.filter((name) => name.startsWith("postgres.new-")), []);
});

Deno.test("data of another major version are refused and left as they are", async () => {
  await using directory = await emptyDirectory();
  const cluster = join(directory.path, "postgres", "cluster");
  await Deno.mkdir(cluster, { recursive: true });
  await Deno.writeTextFile(join(cluster, "PG_VERSION"), "17\n");
  await Deno.writeTextFile(join(directory.path, "postgres", "password"), "secret");
  await assertRejects(() => dev(directory.path), Error, "was made by PostgreSQL 17; this is 18");
  assertEquals(await Deno.readTextFile(join(cluster, "PG_VERSION")), "17\n");
});

Deno.test("a server killed with -9 recovers with all that was committed", async () => {
  await using directory = await usedDirectory();
  {
    await using first = await dev(directory.path);
    await withConnection(first.services.databaseUrl, (sql) => sql`update note set text = 'and changed'`);
    Deno.kill(await serverPid(directory.path), "SIGKILL");
  }
  await using second = await dev(directory.path);
  assertEquals(await readNote(second.services.databaseUrl), "and changed");
});

Deno.test("a pid file that a crash left does not count when another process has its number", async () => {
  await using directory = await usedDirectory();
  let stale: string;
  {
    await using _first = await dev(directory.path);
    stale = await Deno.readTextFile(pidFile(directory.path));
  }
  // A process of the server's own account: the one kind that PostgreSQL itself takes for a running server.
  const { uid, gid } = await Deno.stat(join(directory.path, "postgres"));
  const account = Deno.uid() === 0 ? { uid: uid!, gid: gid! } : {};
  const bystander = new Deno.Command("sleep", { args: ["60"], cwd: "/", ...account }).spawn();
  try {
    await Deno.writeTextFile(pidFile(directory.path), stale.replace(/^\d+/, String(bystander.pid)));
    await using second = await dev(directory.path);
    assertEquals(await readNote(second.services.databaseUrl), "kept");
  } finally {
    bystander.kill();
    await bystander.status;
  }
});

Deno.test("a second process on the same data shares the running server and leaves it running", async () => {
  await using directory = await usedDirectory();
  await using first = await dev(directory.path);
  {
    await using second = await dev(directory.path);
    assertEquals(second.services.databaseUrl, first.services.databaseUrl);
    assertMatch(second.said.join("\n"), /already running \(process \d+\); it will be left running/);
  }
  assertEquals(await readNote(first.services.databaseUrl), "kept");
});

Deno.test("two processes that start at once on no data get one database", async () => {
  await using directory = await emptyDirectory();
  const [first, second] = await Promise.all([dev(directory.path), dev(directory.path)]);
  try {
    assertEquals(first.services.databaseUrl, second.services.databaseUrl);
  } finally {
    await Promise.all([first.services.stop(), second.services.stop()]);
  }
});

Deno.test("throw-away servers end and take their data along when their owner is killed with -9", async () => {
  const owner = new Deno.Command(Deno.execPath(), {
    args: [
      "eval",
      `import { startServices } from ${JSON.stringify(import.meta.resolve("../../tools/services.ts"))};
       const { databaseUrl, redis } = await startServices({ purpose: "test", env: {} });
       console.log(JSON.stringify({ databaseUrl, redis }));
       await new Promise(() => setInterval(() => {}, 1000));`,
    ],
    cwd: fromFileUrl(new URL("../../", import.meta.url)),
    stdout: "piped",
  }).spawn();
  const output = owner.stdout.pipeThrough(new TextDecoderStream()).getReader();
  const line = (await output.read()).value!;
  const { databaseUrl, redis } = JSON.parse(line.split("\n").at(-2)!);
  const [row] = await withConnection(databaseUrl, (sql) => sql`show data_directory`);
  const dataDirectory = row!.data_directory;

  owner.kill("SIGKILL");
  await owner.status;
  await output.cancel();

  // They may lie where Deno lets no test look.
  const isGone = async () => await outputOf("test", "-e", dataDirectory) === undefined;
  await until(isGone, "the data are gone");
  assertEquals(await isUp(databaseUrl), false);
  if (redis.kind === "tcp") {
    const port = Number(new URL(redis.url).port);
    const isClosed = () =>
      Deno.connect({ port }).then((connection) => (connection.close(), false), () => true);
    await until(isClosed, "Redis is gone");
  }
});

Deno.test("servers that the environment names are used as they are", async () => {
  const env = { DATABASE_URL: "postgres://db.example/shop", REDIS_URL: "redis://cache.example" };
  for (const purpose of ["dev", "test"] as const) {
    const services = await startServices({ purpose, env });
    assertEquals(services.databaseUrl, env.DATABASE_URL);
    assertEquals(services.redis, { kind: "tcp", url: env.REDIS_URL });
    await services.stop();
  }
});

Deno.test("two runs of the tests at once get servers of their own", async () => {
  const [first, second] = await Promise.all([
    startServices({ purpose: "test", env: {} }),
    startServices({ purpose: "test", env: {} }),
  ]);
  try {
    assertNotEquals(first.databaseUrl, second.databaseUrl);
    await withConnection(first.databaseUrl, (sql) => sql`create database only_here`);
    assert(await isUp(inDatabase(first.databaseUrl, "only_here")));
    assertEquals(await isUp(inDatabase(second.databaseUrl, "only_here")), false);
  } finally {
    await Promise.all([first.stop(), second.stop()]);
  }
});
