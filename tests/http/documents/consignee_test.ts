import { assert, assertEquals } from "@std/assert";
import { newId } from "../../../src/platform/id.ts";
import { startTestApp } from "../../support/app.ts";
import { addProduct, eventsOf, orderBody, patch, place, takeThrough } from "../../support/orders.ts";
import { CONSIGNEE, consigneePath, invoicePath } from "./support.ts";

const MASKED = { id_type: "PCCC", masked_name: "H*** G******", masked_id: "*********9012" };

Deno.test("an owner records who receives the goods; nobody reads more of it again than the masks", async () => {
  await using app = await startTestApp();
  const [owner, staff] = [await app.user(), await app.user("staff")];
  await addProduct(app, { sku: "MUG" });
  const order = await place(app, owner, { MUG: 1 });
  assertEquals((await app.request("GET", consigneePath(order.id), { token: owner.token })).status, 404);
  const put = await app.request("PUT", consigneePath(order.id), { token: owner.token, body: CONSIGNEE });
  assertEquals(put.status, 200);
  const { created_at: _c, updated_at: _u, ...shown } = put.body;
  assertEquals(shown, { order_id: order.id, ...MASKED });
  for (const reader of [owner, staff]) {
    const got = await app.request("GET", consigneePath(order.id), { token: reader.token });
    assertEquals([got.status, got.body], [200, put.body]);
  }
});

Deno.test("neither name nor number stands anywhere in the database, not even as bytes", async () => {
  await using app = await startTestApp();
  const owner = await app.user();
  await addProduct(app, { sku: "MUG" });
  const order = await place(app, owner, { MUG: 1 });
  await app.request("PUT", consigneePath(order.id), { token: owner.token, body: CONSIGNEE });
  const tables = await app.deps.sql<{ name: string }[]>`
    select quote_ident(table_schema) || '.' || quote_ident(table_name) as name from information_schema.tables
    where table_type = 'BASE TABLE' and table_schema in ('public', 'pgboss')`;
  const kept = (await Promise.all(tables.map(async ({ name }) => {
    const [row] = await app.deps.sql.unsafe(`select string_agg(t::text, ' ') as rows from ${name} t`);
    return row!.rows ?? "";
  }))).join(" ");
  assert(kept.includes(MASKED.masked_id), "the row was not looked at");
  const hex = (text: string) => new TextEncoder().encode(text).toHex();
  for (const secret of [CONSIGNEE.name, "Gildong", CONSIGNEE.id_number, CONSIGNEE.id_number.slice(0, 9)]) {
    for (const form of [secret, hex(secret), btoa(secret).replace(/=+$/, "")]) {
      assert(!kept.includes(form), `${secret} stands in the database`);
    }
  }
});

Deno.test("each time it is recorded the log says so, and nothing of who it is", async () => {
  await using app = await startTestApp();
  const [owner, staff] = [await app.user(), await app.user("staff")];
  await addProduct(app, { sku: "MUG" });
  const order = await place(app, owner, { MUG: 1 });
  await app.request("PUT", consigneePath(order.id), { token: owner.token, body: CONSIGNEE });
  await app.request("PUT", consigneePath(order.id), {
    token: staff.token,
    body: { name: "João Silva", id_type: "CPF", id_number: "123.456.789-09" },
  });
  const events = await eventsOf(app, "consignee", order.id);
  const data = { order_id: order.id, user_id: owner.id };
  assertEquals(events.map(({ type, sequence, user_id, data }) => ({ type, sequence, user_id, data })), [
    { type: "consignee.recorded", sequence: 1, user_id: owner.id, data: { ...data, id_type: "PCCC" } },
    { type: "consignee.recorded", sequence: 2, user_id: owner.id, data: { ...data, id_type: "CPF" } },
  ]);
  const { body } = await app.request("GET", consigneePath(order.id), { token: owner.token });
  assertEquals([body.masked_name, body.masked_id], ["J*** S****", "**********9-09"]);
  assertEquals((await eventsOf(app, "order", order.id)).length, 1, "the order itself did not change");
});

Deno.test("a consignee is replaced as it was seen: who saw the one before is told, and changes nothing", async () => {
  await using app = await startTestApp();
  const [owner, staff] = [await app.user(), await app.user("staff")];
  await addProduct(app, { sku: "MUG" });
  const order = await place(app, owner, { MUG: 1 });
  const put = (name: string, etag?: string) =>
    app.request("PUT", consigneePath(order.id), {
      token: staff.token,
      body: { ...CONSIGNEE, name },
      headers: etag === undefined ? {} : { "If-Match": etag },
    });
  assertEquals((await put("Ada", '"1"')).status, 412, "there is none yet");
  const seen = (await put("Ada")).headers.get("ETag")!;
  const got = await app.request("GET", consigneePath(order.id), {
    token: owner.token,
    headers: { "If-None-Match": seen },
  });
  assertEquals([got.status, got.headers.get("ETag")], [304, seen]);
  // Their masks are the same.
  const answers = await Promise.all(["Abe", "Ann"].map((name) => put(name, seen)));
  assertEquals(answers.map(({ status }) => status).sort(), [200, 412]);
  const [done] = answers.filter(({ status }) => status === 200);
  assertEquals(answers.find(({ status }) => status === 412)!.body.code, "version_mismatch");
  const { body } = await app.request("GET", consigneePath(order.id), { token: owner.token });
  assertEquals(body, done!.body);
  assertEquals((await eventsOf(app, "consignee", order.id)).length, 2);
});

Deno.test("another customer gets the answer of an order that is not there, and changes nothing", async () => {
  await using app = await startTestApp();
  const [owner, stranger] = [await app.user(), await app.user()];
  await addProduct(app, { sku: "MUG" });
  const order = await place(app, owner, { MUG: 1 });
  await app.request("PUT", consigneePath(order.id), { token: owner.token, body: CONSIGNEE });
  for (const [method, body] of [["GET", undefined], ["PUT", { ...CONSIGNEE, name: "Mallory" }]] as const) {
    const theirs = await app.request(method, consigneePath(order.id), { token: stranger.token, body });
    const none = await app.request(method, consigneePath(newId()), { token: stranger.token, body });
    assertEquals([theirs.status, theirs.body.detail], [404, none.body.detail]);
  }
  const { body } = await app.request("GET", consigneePath(order.id), { token: owner.token });
  assertEquals(body.masked_name, MASKED.masked_name);
});

Deno.test("once goods have left, only staff change who receives them", async () => {
  await using app = await startTestApp();
  const [owner, staff] = [await app.user(), await app.user("staff")];
  await addProduct(app, { sku: "MUG" });
  const order = await place(app, owner, { MUG: 2 });
  await takeThrough(app, staff, order.id, ["PAID", "PROCESSING"]);
  const body = { items: [{ line: 1, quantity: 1 }] };
  const sent = await app.request("POST", `/v1/orders/${order.id}/shipments`, { token: staff.token, body });
  assertEquals(sent.status, 201);
  const byOwner = await app.request("PUT", consigneePath(order.id), { token: owner.token, body: CONSIGNEE });
  assertEquals([byOwner.status, byOwner.body.code], [403, "forbidden"], "be it a part of them");
  const byStaff = await app.request("PUT", consigneePath(order.id), { token: staff.token, body: CONSIGNEE });
  assertEquals(byStaff.status, 200);

  const { id } = await place(app, owner, { MUG: 1 });
  await patch(app, owner, id, { status: "CANCELLED" });
  const late = await app.request("PUT", consigneePath(id), { token: owner.token, body: CONSIGNEE });
  assertEquals([late.status, late.body.code], [403, "forbidden"], "nor of what is not sent");
});

Deno.test("a number that is too short, a missing name or an unknown field is refused, and not repeated in the answer", async () => {
  await using app = await startTestApp();
  const owner = await app.user();
  await addProduct(app, { sku: "MUG" });
  const order = await place(app, owner, { MUG: 1 });
  const refused: [body: unknown, pointer: string][] = [
    [{ ...CONSIGNEE, id_number: "Q7Z" }, "/id_number"],
    [{ ...CONSIGNEE, id_number: "Q7Z".repeat(14) }, "/id_number"],
    [{ ...CONSIGNEE, name: " " }, "/name"],
    [{ ...CONSIGNEE, id_type: "PCCC Q7Z123456" }, "/id_type"],
    [{ ...CONSIGNEE, birthday: "Q7Z" }, "/birthday"],
  ];
  for (const [body, pointer] of refused) {
    const answer = await app.request("PUT", consigneePath(order.id), { token: owner.token, body });
    assertEquals([answer.status, answer.body.errors[0].pointer], [422, pointer]);
    assert(
      !JSON.stringify(answer.body).includes("Q7Z") &&
        !JSON.stringify(answer.body).includes(CONSIGNEE.id_number),
    );
  }
});

Deno.test("who is recorded anew after the key was rotated is sealed by the new key, and is on the invoice", async () => {
  const newKey = () => crypto.getRandomValues(new Uint8Array(32)).toBase64();
  await using app = await startTestApp({ CONSIGNEE_KEY: newKey(), CONSIGNEE_KEY_PREVIOUS: newKey() });
  const [owner, staff] = [await app.user(), await app.user("staff")];
  await addProduct(app, { sku: "MUG" });
  const order = await place(app, owner, { MUG: 1 });
  const { config } = app.deps;
  const [anew, before] = config.consigneeKeys;
  for (const consigneeKeys of [[before!], [anew!, before!]]) {
    app.deps.config = { ...config, consigneeKeys };
    const recording = { token: owner.token, body: CONSIGNEE };
    assertEquals((await app.request("PUT", consigneePath(order.id), recording)).status, 200);
  }
  app.deps.config = { ...config, consigneeKeys: [anew!] };
  assertEquals((await app.request("GET", invoicePath(order.id), { token: staff.token })).status, 200);
});

Deno.test("a server in production without CONSIGNEE_KEY says that it cannot keep a consignee", async () => {
  await using app = await startTestApp({ APP_ENV: "production" });
  const owner = await app.user();
  await addProduct(app, { sku: "MUG" });
  const order = await place(app, owner, { MUG: 1 });
  const answer = await app.request("PUT", consigneePath(order.id), { token: owner.token, body: CONSIGNEE });
  assertEquals([answer.status, answer.body.code], [503, "unavailable"]);
  assert(answer.body.detail.includes("CONSIGNEE_KEY"), answer.body.detail);
});

Deno.test("no line of the log holds a name or a number, whether recording went well or wrong", async () => {
  const written: string[] = [];
  const keep = (...line: unknown[]) => void written.push(JSON.stringify(line));
  await using app = await startTestApp({ LOG_LEVEL: "debug" }, {
    log: { debug: keep, info: keep, warn: keep, error: keep },
  });
  const [owner, staff] = [await app.user(), await app.user("staff")];
  await addProduct(app, { sku: "MUG" });
  const order = await place(app, owner, { MUG: 1 });
  const put = (body: unknown) => app.request("PUT", consigneePath(order.id), { token: owner.token, body });
  assertEquals((await put(CONSIGNEE)).status, 200);
  assertEquals((await put({ ...CONSIGNEE, id_type: "" })).status, 422);
  assertEquals((await app.request("GET", invoicePath(order.id), { token: staff.token })).status, 200);
  await app.deps.sql`update consignees set sealed = substr(sealed, 1, 40)`;
  assertEquals((await app.request("GET", invoicePath(order.id), { token: staff.token })).status, 500);
  await app.deps.sql`drop table consignees`;
  assertEquals((await put(CONSIGNEE)).status, 500);
  const lines = written.join("\n");
  assert(lines.includes("consignee"), "the requests were not logged");
  for (const secret of ["Hong", "Gildong", "P123456789012", "123456789"]) {
    assert(!lines.includes(secret), secret);
  }
});

Deno.test("of orders that are placed at the same moment, each has the consignee that it brings, with its event", async () => {
  await using app = await startTestApp();
  const owner = await app.user();
  await addProduct(app, { sku: "MUG" });
  const bring = [CONSIGNEE, undefined, { ...CONSIGNEE, id_type: "ARC" }, undefined];
  const placed = await Promise.all(
    bring.map((consignee) =>
      app.request("POST", "/v1/orders", { token: owner.token, body: orderBody({ MUG: 1 }, { consignee }) })
    ),
  );
  for (const [i, { status, body: { id } }] of placed.entries()) {
    assertEquals(status, 201);
    const events = await eventsOf(app, "consignee", id);
    const { body } = await app.request("GET", consigneePath(id), { token: owner.token });
    if (!bring[i]) assertEquals([body.code, events.length], ["not_found", 0]);
    else {
      const { id_type } = bring[i];
      assertEquals([body.id_type, body.masked_name], [id_type, MASKED.masked_name]);
      assertEquals(events.map(({ data }) => data), [{ order_id: id, id_type, user_id: owner.id }]);
    }
  }
});
