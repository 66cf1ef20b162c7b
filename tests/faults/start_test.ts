import { assertEquals, assertMatch, assertRejects } from "@std/assert";
import { freePort } from "../../tools/supervise.ts";
import { testDatabase } from "../support/database.ts";
import { startProcess } from "../support/process.ts";
import { until } from "../support/until.ts";

Deno.test("A mistake in the environment ends either process at once with 2, and in words", async () => {
  for (const script of ["src/main.ts", "workers/main.ts"] as const) {
    await assertRejects(
      () => startProcess(script, { DATABASE_URL: "mysql://127.0.0.1/waybill" }),
      Error,
      "ended with 2: Cannot start:\n  DATABASE_URL",
    );
  }
});

Deno.test("A .env that cannot be read ends a process with 2, and in words", async () => {
  const directory = await Deno.makeTempDir();
  await Deno.mkdir(`${directory}/.env`);
  const script = new URL("../../src/main.ts", import.meta.url).pathname;
  const { code, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--no-prompt", script],
    cwd: directory,
  }).output();
  await Deno.remove(directory, { recursive: true });
  const said = new TextDecoder().decode(stderr);
  assertMatch(said, /^Cannot start:\n {2}\.env cannot be read: .*\n$/);
  assertEquals(code, 2);
});

Deno.test("A flag that a worker does not know ends it at once with 2, and in words", async () => {
  const env = { DATABASE_URL: "postgres://127.0.0.1/waybill", SECRET_KEY: crypto.randomUUID().repeat(2) };
  for (const flag of ["--lane=orders", "--lanes"]) {
    const { message } = await assertRejects(() => startProcess("workers/main.ts", env, flag), Error);
    assertMatch(message, /^the process ended with 2: Cannot start:\n {2}.*'--lane.*\n$/);
  }
});

Deno.test("`deno task dev` names what is wrong in its environment before it starts anything", async () => {
  const dataDir = await Deno.makeTempDir();
  const { code, stderr, stdout } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--no-prompt", "tools/dev.ts"],
    env: { DATA_DIR: dataDir, DATABASE_URL: "", PORT: "80000", RATE_LIMIT_TIMES: "-1" },
  }).output();
  const said = new TextDecoder().decode(stderr);
  const left = Array.from(Deno.readDirSync(dataDir), ({ name }) => name);
  await Deno.remove(dataDir, { recursive: true });
  assertMatch(said, /^Cannot start:\n {2}PORT: .*\n {2}RATE_LIMIT_TIMES: .*\n$/);
  assertEquals([code, stdout.length, left], [2, 0, ["local.json"]]);
});

Deno.test("What `deno task dev` runs ends with it, also where it is killed", async () => {
  await using database = await testDatabase();
  const dataDir = await Deno.makeTempDir();
  const ports = { PORT: String(freePort()), WORKER_PORT: String(freePort()) };
  const dev = new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--no-prompt", "tools/dev.ts"],
    env: { DATA_DIR: dataDir, DATABASE_URL: database.url, ...ports },
    stdout: "null",
    stderr: "null",
  }).spawn();
  const answering = async () => {
    const asked = Object.values(ports).map((port) =>
      fetch(`http://127.0.0.1:${port}/health`).then((r) => r.text().then(() => port), () => undefined)
    );
    return (await Promise.all(asked)).filter((port) => port !== undefined).length;
  };
  try {
    await until(async () => await answering() === 2, "API and worker are up", 60_000);
  } finally {
    dev.kill("SIGKILL");
    await dev.status;
  }
  await until(async () => await answering() === 0, "both have ended");
  await Deno.remove(dataDir, { recursive: true });
});

Deno.test("A first admin with a weak password ends the API with 2, and in words", async () => {
  await using database = await testDatabase();
  const env = {
    DATABASE_URL: database.url,
    SECRET_KEY: crypto.randomUUID() + crypto.randomUUID(),
    HOST: "127.0.0.1",
    PORT: "0",
    ADMIN_EMAIL: "admin@example.com",
    ADMIN_PASSWORD: "password123",
  };
  const { message } = await assertRejects(() => startProcess("src/main.ts", env), Error);
  assertMatch(message, /ended with 2: [^]*Cannot start:\n {2}ADMIN_PASSWORD: /);
});

Deno.test("An address that cannot be listened at ends either process with 2, and names its variables", async () => {
  await using database = await testDatabase();
  using taken = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const port = String(taken.addr.port);
  const secret = { DATABASE_URL: database.url, SECRET_KEY: crypto.randomUUID() + crypto.randomUUID() };
  const api = { ...secret, HOST: "127.0.0.1", PORT: port };
  const worker = { ...secret, WORKER_HOST: "http://127.0.0.1", WORKER_PORT: port };
  for (
    const [script, env, names] of [
      ["src/main.ts", api, "HOST and PORT"],
      ["workers/main.ts", worker, "WORKER_HOST and WORKER_PORT"],
    ] as const
  ) {
    const { message } = await assertRejects(() => startProcess(script, env), Error);
    assertMatch(message, new RegExp(`ended with 2: [^]*Cannot start:\\n {2}${names}: .*${port}`));
  }
});

Deno.test("Where the database cannot be used its log tells why, in one line of JSON: an API waits, what cannot begin ends with 1", async () => {
  const nowhere = `postgres://127.0.0.1:${freePort()}/waybill`;
  const secret = { DATABASE_URL: nowhere, SECRET_KEY: crypto.randomUUID() + crypto.randomUUID() };
  const api = { ...secret, HOST: "127.0.0.1", PORT: "0" };
  const firstAdmin = { ADMIN_EMAIL: "admin@example.com", ADMIN_PASSWORD: "first-order-47-lanterns" };
  for (
    const [script, env] of [
      ["src/main.ts", { ...api, ...firstAdmin }],
      ["workers/main.ts", { ...secret, WORKER_PORT: "0" }],
    ] as const
  ) {
    const { message } = await assertRejects(() => startProcess(script, env), Error);
    const [, code, written] = /^the process ended with (\d+): ([^]*)$/.exec(message)!;
    const last = written!.trim().split("\n").map((line) => JSON.parse(line)).at(-1);
    assertEquals([code, last.level, last.error_code, last.msg], ["1", 50, "ECONNREFUSED", "cannot start"]);
  }
  const waiting = await startProcess("src/main.ts", api);
  for (let look = 0; look < 3; look++) {
    const answer = await fetch(`${waiting.url}/health/ready`);
    assertEquals([answer.status, await answer.text()], [503, '{"status":"down"}']);
  }
  const lines = (await waiting.stop()).written.trim().split("\n").map((line) => JSON.parse(line));
  const told = lines.filter(({ dependency }) => dependency === "database");
  assertEquals(told.map(({ level, error_code }) => [level, error_code]), [[40, "ECONNREFUSED"]]);
});

Deno.test("An API that cannot use its Redis says so when it starts, and starts", async () => {
  await using database = await testDatabase();
  const api = await startProcess("src/main.ts", {
    DATABASE_URL: database.url,
    SECRET_KEY: crypto.randomUUID() + crypto.randomUUID(),
    HOST: "127.0.0.1",
    PORT: "0",
    REDIS_URL: `redis://127.0.0.1:${freePort()}`,
  });
  assertMatch((await api.stop()).written, /"level":40,.*Redis cannot be used now/);
});

Deno.test("An API that is out of file descriptors ends with 1, to be started again, and does not live on unheard", async () => {
  await using database = await testDatabase();
  const port = freePort();
  const process = new Deno.Command("sh", {
    args: [
      "-c",
      'ulimit -n 64; exec "$@" >/dev/null 2>&1',
      "sh",
      Deno.execPath(),
      "run",
      "-A",
      "--no-prompt",
      "src/main.ts",
    ],
    env: {
      DATABASE_URL: database.url,
      SECRET_KEY: crypto.randomUUID() + crypto.randomUUID(),
      HOST: "127.0.0.1",
      PORT: String(port),
    },
  }).spawn();
  const callers: Deno.Conn[] = [];
  const isReady = () =>
    fetch(`http://127.0.0.1:${port}/health/ready`).then((r) => r.text().then(() => r.ok), () => false);
  await until(isReady, "it is ready");
  for (let refused = false; !refused && callers.length < 200;) {
    await Deno.connect({ hostname: "127.0.0.1", port }).then(
      (each) => callers.push(each),
      () => refused = true,
    );
  }
  assertEquals((await process.status).code, 1);
  for (const each of callers) each.close();
});
