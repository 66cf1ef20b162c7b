import { assertEquals } from "@std/assert";
import { startTestApp, type TestApp } from "../../support/app.ts";

/** Events of one aggregate that are in the outbox with these states, by their position. */
async function inOutbox({ deps: { sql } }: TestApp, statuses: ("held" | "dead")[]): Promise<number[]> {
  const positions: number[] = [];
  for (const [index, status] of statuses.entries()) {
    const [event] = await sql`
      insert into events (type, version, aggregate_type, aggregate_id, sequence, actor, data, occurred_at)
      values ('order.updated', 1, 'order', 'a', ${index + 1}, 'system:test', '{}', now()) returning position`;
    const isDead = status === "dead";
    await sql`
      insert into outbox (position, shard, message_key, status, attempts, error, dead_at)
      values (${event!.position}, shard_of('a'), 'a', ${status}, ${isDead ? 10 : 0},
              ${isDead ? "MESSAGE_TOO_LARGE: too large" : null}, ${isDead ? new Date() : null})`;
    positions.push(event!.position);
  }
  return positions;
}

Deno.test("Staff list what was given up, the latest first, and what is held apart from it", async () => {
  await using app = await startTestApp();
  const { token } = await app.user("staff");
  const [a, b, held, c] = await inOutbox(app, ["dead", "dead", "held", "dead"]);
  const list = (query: string) => app.request("GET", `/v1/admin/outbox${query}`, { token });
  // deno-lint-ignore no-explicit-any
  const positions = ({ body }: any) => body.data.map(({ position }: any) => position);
  assertEquals(positions(await list("")), [c, b, a]);
  const first = await list("?status=dead&limit=2");
  assertEquals(positions(first), [c, b]);
  const second = await list(`?status=dead&limit=2&cursor=${first.body.next_cursor}`);
  assertEquals([positions(second), second.body.next_cursor], [[a], null]);
  const { body: { data: [entry] } } = await list("?status=held");
  assertEquals([entry.position, entry.attempts, entry.error, entry.dead_at], [held, 0, null, null]);
  assertEquals((await list("?status=sent")).status, 422);
});

Deno.test("A dead event that is replayed is held and due, with all its attempts before it", async () => {
  await using app = await startTestApp();
  const { token } = await app.user("staff");
  const [position] = await inOutbox(app, ["dead"]);
  const { status, body } = await app.request("POST", `/v1/admin/outbox/${position}/replay`, { token });
  assertEquals([status, body.status, body.attempts, body.dead_at], [200, "held", 0, null]);
  const [row] = await app.deps.sql`
    select status, attempts, next_attempt_at <= now() as due from outbox where position = ${position!}`;
  assertEquals(row, { status: "held", attempts: 0, due: true });
});

Deno.test("What is not dead cannot be replayed", async () => {
  await using app = await startTestApp();
  const { token } = await app.user("staff");
  const [position] = await inOutbox(app, ["held"]);
  const held = await app.request("POST", `/v1/admin/outbox/${position}/replay`, { token });
  assertEquals([held.status, held.body.code], [409, "invalid_transition"]);
  const missing = await app.request("POST", "/v1/admin/outbox/999999/replay", { token });
  assertEquals([missing.status, missing.body.code], [404, "not_found"]);
});

Deno.test("A discarded event leaves the outbox and stays in the log", async () => {
  await using app = await startTestApp();
  const { token } = await app.user("staff");
  const [dead, held] = await inOutbox(app, ["dead", "held"]);
  for (const position of [dead, held]) {
    const path = `/v1/admin/outbox/${position}/discard`;
    assertEquals((await app.request("POST", path, { token })).status, 204);
    assertEquals((await app.request("POST", path, { token })).status, 404);
  }
  assertEquals((await app.deps.sql`select from outbox`).length, 0);
  assertEquals((await app.deps.sql`select from events`).length, 2);
});

Deno.test("The outbox is for staff", async () => {
  await using app = await startTestApp();
  const { token } = await app.user();
  const [position] = await inOutbox(app, ["dead"]);
  for (
    const [method, path] of [["GET", ""], ["POST", `/${position}/replay`], ["POST", `/${position}/discard`]]
  ) {
    assertEquals((await app.request(method!, `/v1/admin/outbox${path}`, { token })).status, 403);
  }
});

Deno.test("The command lists what was given up, replays it and discards it", async () => {
  await using app = await startTestApp();
  const [first, second] = await inOutbox(app, ["dead", "dead"]);
  const outbox = async (...args: string[]) => {
    const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
      args: ["task", "--quiet", "outbox", ...args],
      env: { DATABASE_URL: app.deps.config.databaseUrl, NO_COLOR: "1" },
    }).output();
    const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes).trim();
    return { code, out: text(stdout), error: text(stderr) };
  };
  const listed = await outbox("list");
  assertEquals(listed, {
    code: 0,
    out: [second, first].map((position, index) =>
      `${position}  order.updated a #${2 - index}  attempts: 10  MESSAGE_TOO_LARGE: too large`
    ).join("\n"),
    error: "",
  });
  assertEquals((await outbox("replay", String(first))).out, "order.updated of order a will be sent.");
  assertEquals((await outbox("discard", String(second))).out, `${second} is discarded.`);
  const [row, ...others] = await app.deps.sql`select position, status from outbox`;
  assertEquals([row!.position, row!.status, others], [first, "held", []]);
  const again = await outbox("replay", String(first));
  assertEquals([again.code, again.error], [1, "This event is not dead: it will be sent in its turn."]);
});
