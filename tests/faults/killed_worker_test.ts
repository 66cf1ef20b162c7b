import { startTestApp, TEST_SECRET } from "../support/app.ts";
import { addProduct, place } from "../support/orders.ts";
import { startProcess } from "../support/process.ts";
import { until } from "../support/until.ts";
import { doJobs, readLog } from "../support/worker.ts";

const AGAIN_WITHIN_MS = 30_000;

/** A mail server that takes connections and says nothing: whoever mails through it hangs. */
function startMuteServer() {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const open: Deno.Conn[] = [];
  const accepting = (async () => {
    for await (const connection of listener) open.push(connection);
  })();
  return {
    port: listener.addr.port,
    async [Symbol.asyncDispose]() {
      listener.close();
      await accepting;
      for (const connection of open) connection.close();
    },
  };
}

Deno.test("A job of a worker that was killed in the midst of it runs again within 30 seconds", async () => {
  await using app = await startTestApp();
  await using mute = startMuteServer();
  const { sql, config } = app.deps;
  const env = {
    APP_ENV: "test",
    DATABASE_URL: config.databaseUrl,
    SECRET_KEY: TEST_SECRET,
    WORKER_HOST: "127.0.0.1",
    WORKER_PORT: "0",
    WORKER_LANES: "notifications",
    SMTP_URL: `smtp://127.0.0.1:${mute.port}`,
  };
  const user = await app.user();
  const { sku } = await addProduct(app);
  await place(app, user, { [sku]: 1 });
  await readLog(app.deps);
  await doJobs(app.deps, "orders.process");
  const first = await startProcess("workers/main.ts", env);
  const job = async () =>
    (await sql`select state::text, retry_count from pgboss.job where name = 'notifications.send'`)[0];
  await until(async () => (await job())?.state === "active", "the job runs", AGAIN_WITHIN_MS);
  await first.kill();
  const killedAt = Date.now();
  const second = await startProcess("workers/main.ts", env);
  const runsAgain = async () => {
    const { state, retry_count } = (await job())!;
    return state === "active" && retry_count === 1;
  };
  await until(runsAgain, "the job runs again", AGAIN_WITHIN_MS);
  console.log(`again after ${((Date.now() - killedAt) / 1000).toFixed(1)} s`);
  await second.kill();
});
