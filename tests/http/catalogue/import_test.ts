import { assert, assertEquals } from "@std/assert";
import { startTestApp, type TestApp } from "../../support/app.ts";
import { eventsOf } from "../../support/orders.ts";
import { at, count, create, CSV, NDJSON, ndjson, report, sendFile } from "./products.ts";

/** Sends a body that is made while it is sent. */
async function stream(app: TestApp, token: string, body: ReadableStream<Uint8Array>): Promise<Response> {
  return await app.fetch(
    new Request("http://waybill.test/v1/products/import", {
      method: "POST",
      body,
      headers: { Authorization: `Bearer ${token}`, "Content-Type": NDJSON },
    }),
  );
}

const encode = (text: string) => new TextEncoder().encode(text);

Deno.test("lines add, change and leave products as single calls would, with an event for each change", async () => {
  await using app = await startTestApp();
  const { id: userId, token } = await app.user("staff");
  const old = await create(app, token, {
    sku: "OLD",
    name: "Old",
    category: "Kitchen",
    prices: [{ currency: "EUR", amount: 1 }, { currency: "GBP", amount: 2 }],
    attributes: { colour: "blue", size: 1 },
  });
  const same = await create(app, token, { sku: "SAME", name: "Same" });
  const answer = await sendFile(
    app,
    token,
    NDJSON,
    ndjson([
      {
        sku: "OLD",
        category: null,
        prices: [{ currency: "GBP", amount: 3 }],
        attributes: { colour: null, size: 2 },
      },
      { sku: "SAME", name: " Same " },
      { sku: "NEW", name: "New", hs_code: "6912.00", prices: [{ currency: "EUR", amount: 5 }] },
    ]),
  );
  assertEquals([answer.status, answer.body], [200, report({ created: 1, updated: 1, unchanged: 1 })]);
  const changed = (await app.request("GET", at("OLD"))).body;
  assertEquals(changed, {
    ...old,
    category: null,
    prices: [{ currency: "GBP", amount: 3 }],
    attributes: { size: 2 },
    version: 2,
    updated_at: changed.updated_at,
  });
  assertEquals((await eventsOf(app, "product", old.id))[1], {
    type: "product.updated",
    sequence: 2,
    actor: `user:${userId}`,
    user_id: null,
    data: {
      ...changed,
      changes: {
        category: { from: "Kitchen", to: null },
        prices: { from: old.prices, to: changed.prices },
        attributes: { from: { colour: "blue", size: 1 }, to: { size: 2 } },
      },
    },
  });
  assertEquals((await eventsOf(app, "product", same.id)).length, 1);
  const added = (await app.request("GET", at("NEW"))).body;
  assertEquals((await eventsOf(app, "product", added.id)).map(({ type, data }) => [type, data]), [[
    "product.created",
    added,
  ]]);
  assertEquals([added.hs_code, added.status, added.prices], ["691200", "active", [{
    currency: "EUR",
    amount: 5,
  }]]);
  assertEquals(await count(app, "stock_levels"), 3);
});

Deno.test("10,000 lines with bad ones among them: each is reported, all others are imported, once", async () => {
  await using app = await startTestApp();
  const { token } = await app.user("staff");
  const faults: [(i: number) => string, string | null][] = [
    [(i) => `{"sku":"X-${i}"`, null],
    [(i) => `{"sku":"X-${i}"}`, "/name"],
    [(i) => `{"sku":"X-${i}","name":"x","prices":[{"currency":"EUR","amount":1.5}]}`, "/prices/0/amount"],
    [(i) => `{"sku":"X-${i}","name":"x","colour":"blue"}`, "/colour"],
    [() => '{"sku":"SKU-1","name":"again"}', null],
    [() => '{"sku":"sku-1","name":"again"}', null],
    [() => '{"name":"x"}', "/sku"],
    [() => "null", ""],
    [(i) => `{"sku":"X-${i}","name":"${"x".repeat(70_000)}"}`, null],
  ];
  const wrong: { line: number; field: string | null }[] = [];
  const lines = Array.from({ length: 10_000 }, (_, i) => {
    if (i % 50 !== 49) {
      return JSON.stringify({
        sku: `SKU-${i}`,
        name: `Product ${i}`,
        category: `Category ${i % 20}`,
        prices: [{ currency: "EUR", amount: i }, { currency: "GBP", amount: i + 1 }],
        attributes: { colour: "blue", i },
      });
    }
    const [line, field] = faults[(i - 49) / 50 % faults.length]!;
    wrong.push({ line: i + 1, field });
    return line(i);
  });
  const first = await sendFile(app, token, NDJSON, lines.join("\n"));
  assertEquals(first.status, 200);
  const { errors, ...counts } = first.body;
  assertEquals(counts, { created: 9_800, updated: 0, unchanged: 0, failed: 200, error_count: 200 });
  assertEquals(
    errors.map(({ line, field }: { line: number; field: string | null }) => ({ line, field })),
    wrong,
  );
  assertEquals([await count(app, "products"), await count(app, "events")], [9_800, 9_800]);
  assertEquals(await count(app, "product_prices"), 19_600);

  const second = await sendFile(app, token, NDJSON, lines.join("\r\n") + "\r\n");
  assertEquals(second.body, { ...first.body, created: 0, unchanged: 9_800 });
  assertEquals(await count(app, "events"), 9_800);
});

Deno.test("of lines with one SKU the first counts, so the same file again changes nothing", async () => {
  await using app = await startTestApp();
  const { token } = await app.user("staff");
  const lines = [
    { sku: "A", name: "First" },
    { sku: "A", name: "Second" },
    ...Array.from({ length: 600 }, (_, i) => ({ sku: `B-${i}`, name: "B" })),
    { sku: "a", name: "Third" },
  ];
  const first = await sendFile(app, token, NDJSON, ndjson(lines));
  const errors = [2, 603].map((line) => ({
    line,
    sku: line === 2 ? "A" : "a",
    field: null,
    message: "has the SKU of line 1, which counts",
  }));
  assertEquals(first.body, { created: 601, updated: 0, unchanged: 0, failed: 2, errors, error_count: 2 });
  const second = await sendFile(app, token, NDJSON, ndjson(lines));
  assertEquals(second.body, { created: 0, updated: 0, unchanged: 601, failed: 2, errors, error_count: 2 });
  assertEquals((await app.request("GET", at("A"))).body.name, "First");
});

Deno.test("a SKU that differs from a product's in case only is refused", async () => {
  await using app = await startTestApp();
  const { token } = await app.user("staff");
  await create(app, token, { sku: "MUG", name: "Mug" });
  const { body } = await sendFile(
    app,
    token,
    NDJSON,
    ndjson([{ sku: "mug", name: "Other" }, { sku: "B", name: "B" }]),
  );
  assertEquals([body.created, body.failed, body.errors[0].line, body.errors[0].field], [1, 1, 1, "/sku"]);
});

Deno.test("only the first 1,000 errors are listed, all are counted", async () => {
  await using app = await startTestApp();
  const { token } = await app.user("staff");
  const lines = Array.from({ length: 1_500 }, (_, i) => ({ sku: `A-${i}`, colour: "blue", name: 1 }));
  const { body } = await sendFile(app, token, NDJSON, ndjson(lines));
  assertEquals([body.failed, body.error_count, body.errors.length], [1_500, 3_000, 1_000]);
  assertEquals(body.errors.at(-1).line, 500);
});

Deno.test("an empty file has nothing to do", async () => {
  await using app = await startTestApp();
  const { token } = await app.user("staff");
  for (const type of [CSV, NDJSON]) {
    for (const file of ["", "\n\r\n\n"]) {
      assertEquals((await sendFile(app, token, type, file)).body, report({}), JSON.stringify(file));
    }
  }
  for (const type of ["application/json", "text/plain", "multipart/form-data"]) {
    assertEquals((await sendFile(app, token, type, "{}")).status, 415);
  }
});

Deno.test("lines are imported while the file still arrives", async () => {
  await using app = await startTestApp();
  const { token } = await app.user("staff");
  const lines = (from: number) =>
    encode(ndjson(Array.from({ length: 1_000 }, (_, i) => ({ sku: `A-${from + i}`, name: "A" }))));
  let sent = 0;
  const body = new ReadableStream<Uint8Array>({
    async pull(controller) {
      // The next part is sent only once the one before it is in the database.
      const deadline = Date.now() + 20_000;
      while (await count(app, "products") < sent) {
        if (Date.now() > deadline) return controller.error(new Error("nothing of it is imported yet"));
      }
      if (sent === 3_000) return controller.close();
      controller.enqueue(lines(sent));
      sent += 1_000;
    },
  }, { highWaterMark: 0 });
  const response = await stream(app, token, body);
  assertEquals(await response.json(), report({ created: 3_000 }));
});

Deno.test("what came before the connection broke is imported, and the file can be sent again", async () => {
  await using app = await startTestApp();
  const { token } = await app.user("staff");
  const file = ndjson(Array.from({ length: 700 }, (_, i) => ({ sku: `A-${i}`, name: "A" })));
  let isSent = false;
  const broken = new ReadableStream<Uint8Array>({
    pull(controller) {
      if (isSent) controller.error(new Error("gone"));
      else controller.enqueue(encode(file + '{"sku":"HALF","na'));
      isSent = true;
    },
  });
  const response = await stream(app, token, broken);
  assertEquals(response.status, 422);
  assert((await response.json()).detail.includes("broke off in line 701"));
  assertEquals(await count(app, "products"), 700);
  const again = await sendFile(app, token, NDJSON, `${file}{"sku":"HALF","name":"Half"}`);
  assertEquals(again.body, report({ created: 1, unchanged: 700 }));
});
