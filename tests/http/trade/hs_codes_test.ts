import { assert, assertEquals } from "@std/assert";
import { startTestApp, type TestApp } from "../../support/app.ts";
import { addProduct, eventsOf } from "../../support/orders.ts";
import { faultsOf } from "./support.ts";

const at = (destination: string, sku: string) =>
  `/v1/trade/hs-codes/${destination}/${encodeURIComponent(sku)}`;

const override = (
  app: TestApp,
  token: string | undefined,
  destination: string,
  sku: string,
  hs_code: string,
) => app.request("PUT", at(destination, sku), { token, body: { hs_code } });

Deno.test("A destination classifies a product otherwise, until that is taken back", async () => {
  await using app = await startTestApp();
  const { token } = await app.user("staff");
  const product = await addProduct(app, { sku: "CUPS/MUG-1" });
  assertEquals((await app.request("GET", at("US", product.sku), { token })).status, 404);

  const put = await override(app, token, "US", product.sku, "6912.00.35.00");
  const expected = {
    product_id: product.id,
    sku: product.sku,
    destination: "US",
    hs_code: "6912003500",
    updated_at: put.body.updated_at,
  };
  assertEquals([put.status, put.body], [200, expected]);
  assertEquals((await override(app, token, "US", product.sku, "6912003500")).body, expected);
  assertEquals((await app.request("GET", at("US", product.sku), { token })).body, expected);
  assertEquals((await app.request("GET", at("CH", product.sku), { token })).status, 404);
  await override(app, token, "US", product.sku, "691310");

  assertEquals((await app.request("DELETE", at("US", product.sku), { token })).status, 204);
  assertEquals((await app.request("DELETE", at("US", product.sku), { token })).status, 404);
  assertEquals((await app.request("GET", at("US", product.sku), { token })).status, 404);
  const events = await eventsOf(app, "hs_code", `${product.sku}@US`);
  assertEquals(
    events.map((
      { type, sequence, user_id, data },
    ) => [type, sequence, user_id, data.hs_code, data.product_id]),
    [
      ["hs_code.overridden", 1, null, "6912003500", product.id],
      ["hs_code.overridden", 2, null, "691310", product.id],
      ["hs_code.overridden", 3, null, null, product.id],
    ],
  );
});

Deno.test("A code is changed, and taken back, as it was seen: who saw the one before is told, and changes nothing", async () => {
  await using app = await startTestApp();
  const { token } = await app.user("staff");
  const { sku } = await addProduct(app);
  const send = (method: string, etag: string, hs_code?: string) =>
    app.request(method, at("US", sku), {
      token,
      body: hs_code === undefined ? undefined : { hs_code },
      headers: { "If-Match": etag },
    });
  const early = await send("PUT", '"1"', "691200");
  assertEquals(
    [early.status, early.body.detail.endsWith(" is not there.")],
    [412, true],
    "there is none yet",
  );
  assertEquals((await send("DELETE", '"1"')).status, 404);
  const seen = (await override(app, token, "US", sku, "691200")).headers.get("ETag")!;
  const got = await app.request("GET", at("US", sku), { token, headers: { "If-None-Match": seen } });
  assertEquals([got.status, got.headers.get("ETag")], [304, seen]);
  const answers = await Promise.all(["691201", "691202"].map((code) => send("PUT", seen, code)));
  assertEquals(answers.map(({ status }) => status).sort(), [200, 412]);
  const done = answers.find(({ status }) => status === 200)!;
  const late = (await send("DELETE", seen)).body;
  assertEquals([late.code, late.detail.endsWith(" has changed since.")], ["version_mismatch", true]);
  assertEquals((await app.request("GET", at("US", sku), { token })).body, done.body);
  assertEquals((await send("DELETE", done.headers.get("ETag")!)).status, 204);
  assertEquals((await eventsOf(app, "hs_code", `${sku}@US`)).length, 3);
});

Deno.test("A destination's codes are listed page by page, and no other's", async () => {
  await using app = await startTestApp();
  const { token } = await app.user("staff");
  const skus: string[] = [];
  for (let i = 0; i < 5; i++) {
    const { sku } = await addProduct(app);
    skus.push(sku);
    await override(app, token, "US", sku, `69120${i}`);
    await override(app, token, "CH", sku, "691300");
  }
  const seen: string[] = [];
  let cursor = "";
  do {
    const { body } = await app.request("GET", `/v1/trade/hs-codes/US?limit=2${cursor}`, { token });
    seen.push(...body.data.map(({ sku, hs_code }: Record<string, string>) => `${sku} ${hs_code}`));
    cursor = body.next_cursor && `&cursor=${body.next_cursor}`;
  } while (cursor);
  assertEquals(seen, skus.map((sku, i) => `${sku} 69120${i}`));
});

Deno.test("Ten that set one code at once leave one code and a whole history", async () => {
  await using app = await startTestApp();
  const { token } = await app.user("staff");
  const { sku } = await addProduct(app);
  const codes = Array.from({ length: 10 }, (_, i) => `69120${i % 5}`);
  const answers = await Promise.all(codes.map((code) => override(app, token, "US", sku, code)));
  assertEquals(new Set(answers.map(({ status }) => status)), new Set([200]));
  const events = await eventsOf(app, "hs_code", `${sku}@US`);
  assertEquals(events.map(({ sequence }) => sequence), events.map((_, i) => i + 1));
  const now = await app.request("GET", at("US", sku), { token });
  assertEquals(events.at(-1)!.data.hs_code, now.body.hs_code);
});

Deno.test("Only staff classify, and only products that there are, by codes that there can be", async () => {
  await using app = await startTestApp();
  const [staff, customer] = [await app.user("staff"), await app.user()];
  const { sku } = await addProduct(app);
  assertEquals((await override(app, undefined, "US", sku, "691200")).status, 401);
  assertEquals((await override(app, customer.token, "US", sku, "691200")).status, 403);
  assertEquals((await override(app, staff.token, "US", "NO-SUCH", "691200")).status, 404);
  const odd = faultsOf(await override(app, staff.token, "US", sku, "6912"));
  assert(odd[0]!.startsWith("/hs_code must be 6, 8 or 10 digits"));
  assert(faultsOf(await override(app, staff.token, "XX", sku, "691200"))[0]!.startsWith("path/destination "));
  for (
    const [method, path] of [["GET", at("US", sku)], ["DELETE", at("US", sku)], [
      "GET",
      "/v1/trade/hs-codes/US",
    ]]
  ) {
    assertEquals((await app.request(method!, path!)).status, 401);
    assertEquals((await app.request(method!, path!, { token: customer.token })).status, 403);
  }
});
