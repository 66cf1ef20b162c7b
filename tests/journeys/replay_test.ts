import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { createAdmin } from "../../src/identity/mod.ts";
import { systemCtx } from "../../src/deps.ts";
import { replay } from "../../tools/replay.ts";
import { startTestServer, type TestServer } from "../support/server.ts";

const FILE = "tests/fixtures/online-retail-excerpt.csv";
const ADMIN = { email: "admin@example.com", password: "nine-lanterns-over-lisbon" };
const QUIET = { begin: () => {}, step: () => {} };

async function serverWithAdmin(): Promise<TestServer> {
  const server = await startTestServer({ RATE_LIMIT_STAFF_TIMES: "100000" });
  await createAdmin(systemCtx(server.app.deps, "test"), ADMIN);
  return server;
}

const playOn = (server: TestServer) =>
  replay(FILE, { url: server.url, ...ADMIN, concurrency: 16, progress: QUIET });

Deno.test("Real invoices come out of the API to the penny, and playing them again changes nothing", async () => {
  await using server = await serverWithAdmin();
  const { sql } = server.app.deps;

  const first = await playOn(server);
  assert(first.agrees, first.text);
  assertStringIncludes(first.text, "Placed 68 orders with 1779 lines");
  assertStringIncludes(first.text, "47,760.48");

  const countEvents = async () => (await sql`select count(*) from events`)[0]!.count;
  const events = await countEvents();
  const second = await playOn(server);
  assert(second.agrees, second.text);
  assertStringIncludes(second.text, "Changed nothing.");
  assertEquals(await countEvents(), events);

  const drifted = await sql`
    select l.sku from stock_levels l left join stock_movements m using (sku, location)
    group by l.sku, l.location
    having l.on_hand <> coalesce(sum(m.on_hand_delta), 0) or l.reserved <> coalesce(sum(m.reserved_delta), 0)`;
  assertEquals(drifted.length, 0);
});

Deno.test("A file that was played is played again after its idempotency keys are gone, and changes nothing", async () => {
  await using server = await serverWithAdmin();
  const { sql } = server.app.deps;
  const email = "customer-17850@online-retail.example";
  const known = await server.app.user();
  await sql`update users set email = ${email} where id = ${known.id}`;
  await server.app.request("POST", "/v1/guests", { body: { email } });
  await playOn(server);
  const owners = await sql`
    select distinct email, guest_email from orders o join users u on u.id = o.user_id
    where ${email} in (u.email, u.guest_email)`;
  assertEquals(
    [...owners],
    [{ email, guest_email: null }],
    "a customer's orders are no guest's with the address",
  );
  await sql`delete from idempotency_keys`;
  const again = await playOn(server);
  assert(again.agrees, again.text);
  assertStringIncludes(again.text, "Changed nothing.");
});

Deno.test("A penny's difference between file and API is seen", async () => {
  await using server = await serverWithAdmin();
  const { sql } = server.app.deps;
  await playOn(server);
  await sql`
    update orders set subtotal = subtotal + 1, total_price = total_price + 1
    where id = (select id from orders where status = 'PENDING' limit 1)`;
  const { agrees, text } = await playOn(server);
  assertEquals(agrees, false);
  assertStringIncludes(text, "DIFFER");
});

Deno.test("A mistake on the command line is named in a line, not in a stack, and ends unlike files that differ", async () => {
  const empty = await Deno.makeTempFile();
  await Deno.writeTextFile(empty, (await Deno.readTextFile(FILE)).split("\n")[0]!);
  for (
    const [args, code, said] of [
      [["--urll", "http://localhost"], 2, "Unknown option '--urll'"],
      [["orders.csv", "--url"], 2, "Option '--url <value>' argument missing"],
      [[".", "--email", "ada@example.com", "--password", "x"], 1, "Is a directory"],
      [[empty, "--email", "ada@example.com", "--password", "x"], 1, "has no invoice that can be played"],
    ] as const
  ) {
    const { code: ended, stderr } = await new Deno.Command(Deno.execPath(), {
      args: ["run", "--no-check", "--allow-net", "--allow-env", "--allow-read", "tools/replay.ts", ...args],
    }).output();
    const written = new TextDecoder().decode(stderr);
    assertStringIncludes(written, said);
    assertEquals([ended, written.includes("Uncaught")], [code, false]);
  }
  await Deno.remove(empty);
});
