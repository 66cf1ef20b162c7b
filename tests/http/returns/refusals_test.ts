import { assert, assertEquals } from "@std/assert";
import { newId } from "../../../src/platform/id.ts";
import { addProduct, assertBooksBalance, eventsOf, patch, place, read, tally } from "../../support/orders.ts";
import { approved, ask, change, get, receive, received, refund, startShop } from "./support.ts";

Deno.test("Only what was shipped can be returned, and no unit twice; the refusal says what can be", async () => {
  const shop = await startShop();
  const { app, owner, staff, order } = shop;
  await using _ = app;
  const { sku } = await addProduct(app);
  const unpaid = await place(app, staff, { [sku]: 2 }, { user_id: owner.id });
  assertEquals((await ask(app, owner, unpaid.id, 1)).body.errors[0].returnable, 0);
  await patch(app, staff, unpaid.id, { status: "PAID" });
  await app.request("POST", `/v1/orders/${unpaid.id}/shipments`, {
    token: staff.token,
    body: { items: [{ line: 1, quantity: 1 }] },
  });
  assertEquals(
    (await ask(app, owner, unpaid.id, 2)).body.errors[0].returnable,
    1,
    "the one that was shipped",
  );
  assertEquals((await ask(app, owner, unpaid.id, 1)).status, 201);

  const first = await approved(shop, 2);
  const { status, body } = await ask(app, owner, order.id, 2);
  assertEquals([status, body.code, body.errors], [422, "return_refused", [{
    pointer: "/items/0/quantity",
    code: "more_than_returnable",
    message: "1 units of line 1 can be returned: shipped, and neither back nor in another open return.",
    line: 1,
    requested: 2,
    returnable: 1,
  }]]);
  assertEquals((await change(app, owner, first.id, { status: "cancelled" })).body.status, "cancelled");
  const second = await ask(app, owner, order.id, 3);
  assertEquals(second.status, 201, "what is cancelled can be returned by another");
  const no = await change(app, staff, second.body.id, { status: "rejected", staff_note: "Too late" });
  assertEquals([no.body.status, no.body.staff_note], ["rejected", "Too late"]);
  const third = await approved(shop, 3);
  assertEquals((await receive(app, staff, third.id, [1, 1])).status, 201);
  assertEquals(
    (await ask(app, owner, order.id, 2)).body.errors[0].returnable,
    1,
    "the one that did not come",
  );
  assertEquals((await ask(app, owner, order.id, 1)).status, 201);
  await assertBooksBalance(app.deps.sql);
});

Deno.test("What is not a request, a receipt or a refund is refused where it is wrong", async () => {
  const shop = await startShop();
  const { app, owner, staff, order } = shop;
  await using _ = app;
  const items = [{ line: 1, quantity: 1 }];
  for (
    const [body, pointer] of [
      [{ items }, "/reason"],
      [{ items, reason: " " }, "/reason"],
      [{ items: [], reason: "A" }, "/items"],
      [{ items: [{ line: 2, quantity: 1 }], reason: "A" }, "/items/0/line"],
      [{ items: [{ line: 1, quantity: 0 }], reason: "A" }, "/items/0/quantity"],
      [{ items: [...items, { line: 1, quantity: 3 }], reason: "A" }, "/items/0/quantity"],
      [{ items, reason: "A", status: "approved" }, "/status"],
    ] as const
  ) {
    const answer = await app.request("POST", `/v1/orders/${order.id}/returns`, { token: owner.token, body });
    assertEquals([answer.status, answer.body.errors[0].pointer], [422, pointer], JSON.stringify(body));
  }
  const ret = await approved(shop, 2);
  for (
    const [items, code, pointer] of [
      [[{ line: 1, restocked: 2, written_off: 1 }], "more_than_asked", "/items/0"],
      [[{ line: 1, restocked: 2 }, { line: 1, written_off: 1 }], "more_than_asked", "/items/0"],
      [[{ line: 2, restocked: 1 }], "unknown_line", "/items/0/line"],
      [[{ line: 1 }], "nothing_received", "/items"],
    ] as const
  ) {
    const { status, body } = await receive(app, staff, ret.id, [0, 0], { items });
    assertEquals([status, body.code, body.errors[0].code, body.errors[0].pointer], [
      422,
      "return_refused",
      code,
      pointer,
    ]);
  }
  assertEquals((await receive(app, staff, ret.id, [-1, 0])).body.errors[0].pointer, "/items/0/restocked");
  const keyless = await app.request("POST", `/v1/returns/${ret.id}/refund`, { token: staff.token });
  assertEquals([keyless.status, keyless.body.errors[0].pointer], [422, "header/idempotency-key"]);
  assertEquals((await get(app, staff, `/v1/returns/${ret.id}`)).body, ret, "what is refused does nothing");
});

Deno.test("From each status exactly the table's changes are possible, and a refusal names them", async () => {
  const shop = await startShop({ quantity: 30 });
  const { app, owner, staff, order } = shop;
  await using _ = app;
  const to: Record<string, (id: string) => Promise<{ status: number; body: Record<string, unknown> }>> = {
    approved: (id) => change(app, staff, id, { status: "approved" }),
    rejected: (id) => change(app, staff, id, { status: "rejected" }),
    cancelled: (id) => change(app, owner, id, { status: "cancelled" }),
    received: (id) => receive(app, staff, id, [1, 0]),
    refunded: (id) => refund(app, staff, id),
  };
  const ways: Record<string, { way: string[]; allowed: string[] }> = {
    requested: { way: [], allowed: ["approved", "rejected", "cancelled"] },
    approved: { way: ["approved"], allowed: ["received", "cancelled"] },
    received: { way: ["approved", "received"], allowed: ["refunded"] },
    refunded: { way: ["approved", "received", "refunded"], allowed: [] },
    rejected: { way: ["rejected"], allowed: [] },
    cancelled: { way: ["cancelled"], allowed: [] },
  };
  for (const [from, { way, allowed }] of Object.entries(ways)) {
    for (const [status, go] of Object.entries(to)) {
      const { id } = (await ask(app, owner, order.id, 1)).body;
      for (const step of way) assert((await to[step]!(id)).status < 300, `${from}: ${step}`);
      const before = await get(app, staff, `/v1/returns/${id}`);
      assertEquals(before.body.status, from);
      const answer = await go(id);
      const after = await get(app, staff, `/v1/returns/${id}`);
      if (allowed.includes(status)) {
        assertEquals(answer.body.status, status, `${from} → ${status}`);
      } else if (status === from && ["approved", "rejected", "cancelled"].includes(status)) {
        assertEquals([answer.status, answer.body], [200, before.body], "a repetition changes nothing");
      } else {
        const [error] = answer.body.errors as Record<string, unknown>[];
        assertEquals([answer.status, answer.body.code, error!.allowed], [409, "invalid_transition", allowed]);
        assertEquals(after.body, before.body, `${from} → ${status}`);
      }
      assertEquals((await eventsOf(app, "return", id)).length, after.body.version);
      // Its unit is free for the next one.
      if (["requested", "approved"].includes(after.body.status)) {
        await change(app, staff, id, { status: "cancelled" });
      }
    }
  }
  await assertBooksBalance(app.deps.sql);
});

Deno.test("A return changes at the version that was meant, and what it says of staff is theirs to write", async () => {
  const shop = await startShop();
  const { app, owner, staff, order } = shop;
  await using _ = app;
  const { id } = (await ask(app, owner, order.id, 1)).body;
  const late = await change(app, staff, id, { status: "approved" }, { "If-Match": '"2"' });
  assertEquals([late.status, late.body.code], [412, "version_mismatch"]);
  const own = await change(app, owner, id, { status: "approved" });
  assertEquals([own.status, own.body.code], [403, "forbidden"]);
  assertEquals((await change(app, owner, id, { status: "rejected" })).status, 403);
  const note = await change(app, owner, id, { status: "cancelled", staff_note: "All is well" });
  assertEquals([note.status, note.body.errors[0].pointer], [403, "/staff_note"]);
  for (const status of ["received", "refunded", "requested"]) {
    assertEquals((await change(app, staff, id, { status })).body.errors[0].pointer, "/status");
  }
  const yes = await change(app, staff, id, { status: "approved" }, { "If-Match": '"1"' });
  assertEquals([yes.status, yes.headers.get("ETag")], [200, '"2"']);
  const renoted = await change(app, staff, id, { status: "approved", staff_note: "Another word" });
  assertEquals([renoted.status, renoted.body.code], [409, "invalid_transition"], "it was told of already");
});

Deno.test("What came back is recorded and refunded at the version that was meant, and a repeat is answered whatever came since", async () => {
  const shop = await startShop();
  const { app, staff } = shop;
  await using _ = app;
  const { id, version } = await approved(shop, 1);
  assertEquals(version, 2);
  const send = (what: string, body: unknown, key: string, etag: string) =>
    app.request("POST", `/v1/returns/${id}/${what}`, {
      token: staff.token,
      body,
      headers: { "Idempotency-Key": key, "If-Match": etag },
    });
  const units = { items: [{ line: 1, restocked: 1 }] };
  const late = await send("receipt", units, "late", '"1"');
  assertEquals([late.status, late.body.code], [412, "version_mismatch"]);
  const back = await send("receipt", units, "back", '"2"');
  assertEquals([back.status, back.headers.get("ETag")], [201, '"3"']);
  assertEquals((await send("receipt", units, "back", '"2"')).headers.get("Idempotency-Replayed"), "true");
  const stale = await send("refund", {}, "stale", '"2"');
  assertEquals([stale.status, stale.body.code], [412, "version_mismatch"]);
  const repaid = await send("refund", {}, "repaid", '"3"');
  assertEquals([repaid.status, repaid.body.status], [201, "refunded"]);
});

Deno.test("Owners see their returns; of another's nobody learns that there are any, and staff's work is staff's", async () => {
  const shop = await startShop();
  const { app, owner, staff, order } = shop;
  await using _ = app;
  const stranger = await app.user();
  const ret = await approved(shop, 1);
  for (const path of [`/v1/returns/${ret.id}`, `/v1/orders/${order.id}/returns`]) {
    for (const user of [owner, staff]) assertEquals((await get(app, user, path)).status, 200);
    const foreign = await get(app, stranger, path);
    const missing = await get(app, stranger, path.replace(/[0-9a-f-]{36}/, newId()));
    assertEquals([foreign.status, foreign.body.detail], [404, missing.body.detail]);
    assertEquals((await app.request("GET", path)).status, 401);
  }
  assertEquals((await ask(app, stranger, order.id, 1)).status, 404);
  assertEquals((await change(app, stranger, ret.id, { status: "cancelled" })).status, 404);
  for (const user of [owner, stranger]) {
    assertEquals((await receive(app, user, ret.id, [1, 0])).status, 403);
    assertEquals((await refund(app, user, ret.id)).status, 403);
  }
  assertEquals((await receive(app, staff, newId(), [1, 0])).status, 404);
  assertEquals((await refund(app, staff, newId())).status, 404);
  assertEquals((await get(app, owner, `/v1/returns/${ret.id}`)).body, ret);
  assertEquals((await ask(app, staff, order.id, 1)).status, 201, "staff ask in a customer's place");
});

Deno.test("Staff page through all returns, newest first, and by status, and miss none", async () => {
  const shop = await startShop({ quantity: 6 });
  const { app, owner, staff, order } = shop;
  await using _ = app;
  const ids: string[] = [];
  for (let i = 0; i < 5; i++) ids.unshift((await ask(app, owner, order.id, 1)).body.id);
  await change(app, staff, ids[1]!, { status: "approved" });
  const pages: string[][] = [];
  let cursor: string | null = null;
  do {
    const more: string = cursor === null ? "" : `&cursor=${cursor}`;
    const { body } = await get(app, staff, `/v1/returns?limit=2${more}`);
    pages.push(body.data.map(({ id }: { id: string }) => id));
    cursor = body.next_cursor;
  } while (cursor !== null);
  assertEquals(pages, [ids.slice(0, 2), ids.slice(2, 4), ids.slice(4)]);
  const some = (await get(app, staff, "/v1/returns?status=approved")).body.data;
  assertEquals(some.map(({ id }: { id: string }) => id), [ids[1]]);
  assertEquals((await get(app, staff, "/v1/returns?status=lost")).status, 422);
});

Deno.test("A request, a receipt and a refund that are sent again with their key are done once", async () => {
  const shop = await startShop();
  const { app, owner, staff, sku, order } = shop;
  await using _ = app;
  const eight = <T>(call: () => Promise<T>) => Promise.all(Array.from({ length: 8 }, call));
  const asked = await eight(() => ask(app, owner, order.id, 3, "one"));
  assertEquals([tally(asked), new Set(asked.map(({ body }) => body.id)).size], [{ 201: 8 }, 1]);
  assertEquals((await ask(app, owner, order.id, 2, "one")).body.code, "idempotency_key_reused");
  const { id } = asked[0]!.body;
  await change(app, staff, id, { status: "approved" });
  const receipts = await eight(() => receive(app, staff, id, [2, 1], { key: "two", refund: true }));
  assertEquals(tally(receipts), { 201: 8 });
  assertEquals(receipts.filter(({ headers }) => headers.get("Idempotency-Replayed") === "true").length, 7);
  const [level] = await app.deps.sql`select on_hand from stock_levels where sku = ${sku}`;
  assertEquals(level!.on_hand, 99);
  const { units_returned, amount_refunded } = (await read(app, owner, order.id)).body;
  assertEquals([units_returned, amount_refunded], [3, 4497 + 500 + 999]);
  const key = newId();
  const more = await startShop();
  await using __ = more.app;
  const ret = await received(more, [1, 0]);
  const refunds = await eight(() => refund(more.app, more.staff, ret.id, {}, key));
  assertEquals([tally(refunds), new Set(refunds.map(({ body }) => body.refund.id)).size], [{ 201: 8 }, 1]);
  await assertBooksBalance(app.deps.sql);
  await assertBooksBalance(more.app.deps.sql);
});
