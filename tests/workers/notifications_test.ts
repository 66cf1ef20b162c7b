import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import { SMTPServer } from "smtp-server";
import { systemCtx } from "../../src/deps.ts";
import {
  type OrderTemplate,
  sendNotification,
  sendNotificationJob,
  type Template,
} from "../../src/notifications/mod.ts";
import type { Notification } from "../../src/notifications/notification.ts";
import {
  insertNotification,
  markGivenUp,
  markKept,
  markRefused,
  markSent,
} from "../../src/notifications/queries.ts";
import { expireDueOrders } from "../../src/orders/mod.ts";
import { transaction } from "../../src/platform/db.ts";
import { newId } from "../../src/platform/id.ts";
import type { Log } from "../../src/platform/log.ts";
import { freePort } from "../../tools/supervise.ts";
import { serveLanes } from "../../workers/lanes.ts";
import { startTestApp, type TestApp, type TestUser } from "../support/app.ts";
import { valueOf } from "../support/metrics.ts";
import { addProduct, patch, place } from "../support/orders.ts";
import { doJobs, readLog } from "../support/worker.ts";
import { until } from "../support/until.ts";

const AFTER_LAST_RETRY = sendNotificationJob.policy.retryLimit;

interface MailServer extends AsyncDisposable {
  port: number;
  /** What it accepted: envelope and text as it came over the wire. */
  mails: { to: string[]; raw: string }[];
}

/** A real mail server on this machine; with a password it wants one, and never gets the right one. */
async function startMailServer({ port = 0, password }: { port?: number; password?: string } = {}) {
  const mails: MailServer["mails"] = [];
  const server = new SMTPServer({
    disabledCommands: password === undefined ? ["STARTTLS", "AUTH"] : ["STARTTLS"],
    allowInsecureAuth: true,
    disableReverseLookup: true,
    logger: false,
    onAuth: (auth, _session, callback) => {
      callback(auth.password === password ? null : new Error(`${auth.password} is not right`), { user: "x" });
    },
    onData(stream, session, callback) {
      const chunks: Uint8Array[] = [];
      stream.on("data", (chunk) => chunks.push(chunk));
      stream.on("end", async () => {
        const raw = await new Blob(chunks as BlobPart[]).text();
        mails.push({ to: session.envelope.rcptTo.map(({ address }) => address), raw });
        callback();
      });
    },
  });
  await new Promise<void>((resolve) => server.listen(port, "127.0.0.1", resolve));
  const address = server.server.address() as { port: number };
  return {
    port: address.port,
    mails,
    [Symbol.asyncDispose]: () => new Promise<void>((resolve) => server.close(() => resolve())),
  } satisfies MailServer;
}

/** A header of a mail, and its text with `=E2=82=AC` read back into letters. */
function header(raw: string, name: string): string | undefined {
  return new RegExp(`^${name}: (.*)\r$`, "mi").exec(raw.split("\r\n\r\n")[0]! + "\r\n")?.[1];
}

function decoded(raw: string): string {
  const text = raw.replace(/=\r\n/g, "").replace(/%/g, "%25").replace(/=([0-9A-F]{2})/g, "%$1");
  return decodeURIComponent(text);
}

/** An API, and a worker for its notifications. */
async function openShop(env: Record<string, string>, log?: Log) {
  const app = await startTestApp({ WORKER_LANES: "notifications", ...env }, log && { log });
  const boss = await app.deps.jobs.openForWork(8, () => {});
  const lanes = await serveLanes(app.deps, boss);
  const user = await app.user();
  const { sku } = await addProduct(app, { stock: 1000 });
  return {
    app,
    user,
    sku,
    /** Reads the log, screens the orders, and reads what came of that. */
    async followUp() {
      await readLog(app.deps);
      await doJobs(app.deps, "orders.process");
      await readLog(app.deps);
      app.deps.jobs.announce();
    },
    async jobs(state: string): Promise<number> {
      const [row] = await app.deps.sql`
        select count(*)::int from pgboss.job where name = 'notifications.send' and state::text = ${state}`;
      return row!.count;
    },
    async [Symbol.asyncDispose]() {
      await lanes.stop();
      await boss.stop({ graceful: true, close: false });
      await app[Symbol.asyncDispose]();
    },
  };
}

async function notificationsOf({ deps: { sql } }: TestApp) {
  return [
    ...await sql<{ id: string; template: Template; status: string; error: string | null }[]>`
    select id, template, status, error from notifications order by id`,
  ];
}

function read(app: TestApp, user: TestUser) {
  return app.request("GET", "/v1/notifications", { token: user.token });
}

/** A job's handler, called as often as a test wants. */
function send(app: TestApp, order_id: string, template: OrderTemplate = "order_confirmed", isLast = false) {
  const attempt = { signal: new AbortController().signal, isLast };
  return sendNotification(systemCtx(app.deps, "notifications.send"), { template, order_id }, attempt);
}

Deno.test("Each of 50 orders is confirmed by exactly one mail, although each job is done three times", async () => {
  await using server = await startMailServer();
  await using shop = await openShop({ SMTP_URL: `smtp://127.0.0.1:${server.port}` });
  const { app, sku } = shop;
  const users = await Promise.all(Array.from({ length: 5 }, () => app.user()));
  const orders = await Promise.all(
    Array.from({ length: 50 }, (_, i) => place(app, users[i % 5]!, { [sku]: 1 })),
  );
  await shop.followUp();
  await until(async () => await shop.jobs("completed") === 50, "50 jobs are done");
  for (let again = 0; again < 2; again++) {
    const data = orders.map(({ id }) => ({ template: "order_confirmed" as const, order_id: id }));
    await transaction(app.deps.sql, (tx) => app.deps.jobs.enqueue(tx, sendNotificationJob, data));
  }
  app.deps.jobs.announce();
  await until(async () => await shop.jobs("completed") === 150, "150 jobs are done");
  assertEquals(server.mails.length, 50);
  const written = await notificationsOf(app);
  assertEquals(written.map(({ status }) => status), Array(50).fill("sent"));
  assertEquals(
    server.mails.map(({ raw }) => header(raw, "Message-ID")).sort(),
    written.map(({ id }) => `<${id}@waybill>`).sort(),
  );
  for (const order of orders) {
    const mail = server.mails.find(({ raw }) =>
      header(raw, "Subject") === `We have your order ${order.number}`
    );
    assertEquals(mail?.to, [users.find(({ id }) => id === order.user_id)!.email], order.number);
    assertMatch(mail!.raw, /Content-Type: text\/plain[\s\S]*Content-Type: text\/html/);
    const text = decoded(mail!.raw);
    for (const part of [`1 × Name of ${sku}: €14.99`, "Total: €14.99", "10115 Berlin"]) {
      assertEquals(text.split(part).length, 3, `${part} is in both parts`);
    }
  }
});

Deno.test("An order that expires and one that is cancelled are told of, each once", async () => {
  await using server = await startMailServer();
  await using shop = await openShop({ SMTP_URL: `smtp://127.0.0.1:${server.port}` });
  const { app, user, sku } = shop;
  const [late, unwanted] = [await place(app, user, { [sku]: 1 }), await place(app, user, { [sku]: 2 })];
  await shop.followUp();
  await until(async () => await shop.jobs("completed") === 2, "2 jobs are done");
  await patch(app, user, unwanted.id, { status: "CANCELLED" });
  const inAnHour = { now: () => new Date(Date.now() + 3_600_000) };
  await expireDueOrders(systemCtx({ ...app.deps, clock: inAnHour }, "orders.expire"));
  await shop.followUp();
  await until(async () => await shop.jobs("completed") === 4, "4 jobs are done");
  assertEquals(
    server.mails.map(({ raw }) => header(raw, "Subject")).sort(),
    [
      `Order ${late.number} has expired`,
      `We have your order ${late.number}`,
      `Order ${unwanted.number} is cancelled`,
      `We have your order ${unwanted.number}`,
    ].sort(),
  );
});

Deno.test("An order that ended before it was confirmed is told of as cancelled, or expired, alone", async () => {
  await using shop = await openShop({});
  const { app, user, sku } = shop;
  const { id } = await place(app, user, { [sku]: 1 });
  await patch(app, user, id, { status: "CANCELLED" });
  await place(app, user, { [sku]: 1 });
  await app.deps.sql`update orders set expires_at = now() - interval '1 second' where status = 'PENDING'`;
  await expireDueOrders(systemCtx(app.deps, "test"));
  await shop.followUp();
  await until(async () => await shop.jobs("completed") === 4, "4 jobs are done");
  const told = (await notificationsOf(app)).map(({ template }) => template);
  assertEquals(told.sort(), ["order_cancelled", "order_expired"]);
});

Deno.test("Without a mail server they are kept to be read, and a later one does not send what is old", async () => {
  await using shop = await openShop({});
  const { app, user, sku } = shop;
  const { id, number } = await place(app, user, { [sku]: 3 });
  await shop.followUp();
  await until(async () => await shop.jobs("completed") === 1, "the job is done");
  const { body } = await read(app, user);
  assertEquals(body.data.length, 1);
  const [{ subject, status, sent_at, order_id, recipient }] = body.data;
  assertEquals([subject, status, sent_at], [`We have your order ${number}`, "kept", null]);
  assertEquals([order_id, recipient], [id, user.email]);
  assert(body.data[0].body.includes("Total: €44.97"));
  await using server = await startMailServer();
  const config = { ...app.deps.config, smtpUrl: `smtp://127.0.0.1:${server.port}` };
  await send({ ...app, deps: { ...app.deps, config } }, id);
  assertEquals(server.mails, []);
  assertEquals((await read(app, user)).body, body);
});

Deno.test("What a dead mail server did not take is tried again, and delivered once it is back", async () => {
  const port = freePort();
  await using shop = await openShop({ SMTP_URL: `smtp://127.0.0.1:${port}` });
  const { app, user, sku } = shop;
  await place(app, user, { [sku]: 1 });
  await shop.followUp();
  await until(async () => await shop.jobs("retry") === 1, "the job waits for its next attempt");
  const [waiting] = await notificationsOf(app);
  assertEquals(waiting!.status, "queued");
  assertMatch(waiting!.error!, /^The mail was not accepted: (ESOCKET|ECONNREFUSED|ECONNECTION)\.$/);
  await using server = await startMailServer({ port });
  await app.deps.sql`update pgboss.job set start_after = now() where name = 'notifications.send'`;
  app.deps.jobs.announce();
  await until(async () => await shop.jobs("completed") === 1, "the job is done");
  assertEquals(server.mails.map(({ raw }) => header(raw, "Message-ID")), [`<${waiting!.id}@waybill>`]);
  assertEquals(await notificationsOf(app), [{ ...waiting!, status: "sent", error: null }]);
});

Deno.test("What waits for its next attempt when the mail server is no more is kept to be read, and not a failure", async () => {
  await using app = await startTestApp({ SMTP_URL: `smtp://127.0.0.1:${freePort()}` });
  const user = await app.user();
  const { sku } = await addProduct(app);
  const { id } = await place(app, user, { [sku]: 1 });
  await assertRejects(() => send(app, id), Error, "The mail was not accepted");
  const [queued] = await notificationsOf(app);
  assertEquals(queued!.status, "queued");
  const config = { ...app.deps.config, smtpUrl: undefined };
  await send({ ...app, deps: { ...app.deps, config } }, id, "order_confirmed", true);
  assertEquals(await notificationsOf(app), [{ ...queued!, status: "kept", error: null }]);
});

Deno.test("After the last attempt it has failed, and nobody learns the mail server's password from it", async () => {
  const password = `Canary-${crypto.randomUUID()}`;
  const lines: unknown[] = [];
  const keep = (...line: unknown[]) => void lines.push(line);
  const log = { debug: keep, info: keep, warn: keep, error: keep };
  await using server = await startMailServer({ password: "another" });
  await using shop = await openShop({ SMTP_URL: `smtp://shop:${password}@127.0.0.1:${server.port}` }, log);
  const { app, user, sku } = shop;
  const { sql } = app.deps;
  await place(app, user, { [sku]: 1 });
  await shop.followUp();
  await until(async () => await shop.jobs("retry") === 1, "the job waits for its next attempt");
  assertEquals((await notificationsOf(app))[0]!.status, "queued");
  await sql`
    update pgboss.job set start_after = now(), retry_count = ${AFTER_LAST_RETRY - 1}
    where name = 'notifications.send'`;
  app.deps.jobs.announce();
  await until(async () => await shop.jobs("failed") === 1, "the job has failed");
  const [failed] = await notificationsOf(app);
  assertEquals([failed!.status, failed!.error], ["failed", "The mail was not accepted: EAUTH 535."]);
  const count = valueOf(
    await app.deps.metrics.text(),
    'jobs_done_total{job="notifications.send",result="failed"}',
  );
  assertEquals(count, 2);
  const jobs = await sql`select name, output, source_output from pgboss.job`;
  assertEquals(jobs.map(({ name }) => name).sort(), ["dead_letters", "notifications.send", "orders.process"]);
  assert(JSON.stringify(jobs).includes("EAUTH 535"));
  assert(lines.length > 0, "the log was kept");
  const staff = await app.user("staff");
  const answers = [(await read(app, user)).body, (await read(app, staff)).body];
  assertEquals(answers.map(({ data: [{ error }] }) => error), [null, failed!.error]);
  const everything = JSON.stringify([jobs, lines, answers, await sql`select * from notifications`]);
  assert(!everything.includes(password) && !everything.includes(btoa(password)));
});

Deno.test("A job that is done again after a crash sends the same message under the same Message-ID", async () => {
  await using server = await startMailServer();
  await using app = await startTestApp({ SMTP_URL: `smtp://127.0.0.1:${server.port}` });
  const user = await app.user();
  const { sku } = await addProduct(app);
  const { id } = await place(app, user, { [sku]: 1 });
  await send(app, id);
  await send(app, id);
  assertEquals(server.mails.length, 1);
  // Killed after the server had accepted it, and before we wrote that down.
  await app.deps.sql`update notifications set status = 'queued', sent_at = null`;
  const [shipTo] = [{ name: "Moved", lines: ["Elsewhere 1"], city: "Bonn", country: "DE" }];
  assertEquals((await patch(app, user, id, { ship_to: shipTo })).status, 200);
  await send(app, id);
  const [first, second] = server.mails.map(({ raw }) => raw);
  for (const name of ["Message-ID", "Subject", "To", "From", "Auto-Submitted"]) {
    assert(header(first!, name));
    assertEquals(header(second!, name), header(first!, name));
  }
  assert(!decoded(second!).includes("Elsewhere"), "it is the message that was written, not a new one");
});

Deno.test("What one worker has sent stays sent, whatever another learns that is late", async () => {
  await using server = await startMailServer();
  await using app = await startTestApp({ SMTP_URL: `smtp://127.0.0.1:${server.port}` });
  const { sku } = await addProduct(app);
  const { id } = await place(app, await app.user(), { [sku]: 1 });
  await send(app, id);
  const { sql } = app.deps;
  const [sent] = await sql<Notification[]>`select * from notifications`;
  await insertNotification(sql, { ...sent!, id: newId(), status: "queued", created_at: new Date() });
  await markRefused(sql, sent!.id, "failed", "late");
  await markKept(sql, sent!.id);
  await transaction(sql, (tx) => markGivenUp(tx, sent!));
  await markSent(sql, sent!.id, new Date(0));
  assertEquals([...await sql`select * from notifications`], [sent]);
});

Deno.test("Nobody is mailed about an order of years ago that was imported, whatever becomes of it", async () => {
  await using server = await startMailServer();
  await using shop = await openShop({ SMTP_URL: `smtp://127.0.0.1:${server.port}` });
  const { app, user, sku } = shop;
  const staff = await app.user("staff");
  const old = await place(app, staff, { [sku]: 1 }, { user_id: user.id, placed_at: "2020-01-31T12:00:00Z" });
  assertEquals((await patch(app, staff, old.id, { status: "CANCELLED" })).status, 200);
  await shop.followUp();
  await until(async () => await shop.jobs("completed") === 2, "2 jobs are done");
  await send(app, old.id, "order_expired");
  assertEquals(await notificationsOf(app), []);
  assertEquals(server.mails, []);
});

Deno.test("Health tells whether the mail server is there and takes our password; without it requests are answered all the same", async () => {
  const healthWith = async (env: Record<string, string>) => {
    await using app = await startTestApp(env);
    await app.deps.sql`update pgboss.queue set monitor_claim_on = now()`;
    const { status, body } = await app.request("GET", "/health/detailed");
    const ready = await app.request("GET", "/health/ready");
    return [status, body.status, body.dependencies.smtp.status, ready.status, ready.body.status];
  };
  assertEquals(await healthWith({}), [200, "ok", "not_used", 200, "ok"]);
  assertEquals(await healthWith({ SMTP_URL: `smtp://127.0.0.1:${freePort()}` }), [
    200,
    "degraded",
    "down",
    200,
    "ok",
  ]);
  await using server = await startMailServer({ password: "right" });
  const as = (password: string) => ({ SMTP_URL: `smtp://shop:${password}@127.0.0.1:${server.port}` });
  assertEquals(await healthWith(as("wrong")), [200, "degraded", "down", 200, "ok"]);
  assertEquals(await healthWith(as("right")), [200, "ok", "up", 200, "ok"]);
  assertEquals(server.mails, []);
});

Deno.test("A mail whose job staff cancelled has failed, and says so, also where an attempt was under way and is refused after that", async () => {
  const port = freePort();
  await using shop = await openShop({ SMTP_URL: `smtp://127.0.0.1:${port}` });
  const { app, user, sku } = shop;
  const { id } = await place(app, user, { [sku]: 1 });
  await shop.followUp();
  await until(async () => await shop.jobs("retry") === 1, "the job waits for its next attempt");
  const staff = await app.user("staff");
  const [job] = await app.deps.sql`select id from pgboss.job where name = 'notifications.send'`;
  const cancel = `/v1/admin/jobs/${job!.id}/cancellation`;
  assertEquals((await app.request("POST", cancel, { token: staff.token })).status, 200);
  const failed = { status: "failed", error: "Staff cancelled its job." };
  assertEquals(await notificationsOf(app), [{ ...(await notificationsOf(app))[0]!, ...failed }]);
  await assertRejects(() => send(app, id), Error, "The mail was not accepted");
  assertEquals(await notificationsOf(app), [{ ...(await notificationsOf(app))[0]!, ...failed }]);
  await using server = await startMailServer({ port });
  await send(app, id);
  assertEquals(server.mails.length, 1);
  const [sent] = await notificationsOf(app);
  assertEquals([sent!.status, sent!.error], ["sent", null], "what the server took after all was sent");
});
