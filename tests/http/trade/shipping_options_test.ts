import { assert, assertEquals } from "@std/assert";
import { startTestApp, type TestApp } from "../../support/app.ts";
import { eventsOf } from "../../support/orders.ts";
import { faultsOf, OPTION, putOption } from "./support.ts";

const offers = async (app: TestApp, destination: string, grams: number): Promise<string[]> => {
  const { status, body } = await app.request(
    "GET",
    `/v1/shipping-options?destination=${destination}&weight_grams=${grams}`,
  );
  assertEquals(status, 200);
  return body.data.map(({ code, price }: { code: string; price: number }) => `${code} ${price}`);
};

Deno.test("A shipping option is added, replaced whole, and unchanged by the same again", async () => {
  await using app = await startTestApp();
  const { token } = await app.user("staff");
  const added = await putOption(app, token, "parcel-eu", { countries: ["DE", "AT", "DE"] });
  assertEquals([added.status, added.headers.get("ETag")], [201, '"1"']);
  const { created_at } = added.body;
  const first = {
    code: "parcel-eu",
    ...OPTION,
    active: true,
    version: 1,
    created_at,
    updated_at: created_at,
  };
  assertEquals(added.body, first);
  const same = await putOption(app, token, "parcel-eu");
  assertEquals([same.status, same.body], [200, first]);

  const { carrier: _, free_from: __, min_days: ___, max_days: ____, ...bare } = OPTION;
  const replaced = await app.request("PUT", "/v1/shipping-options/parcel-eu", {
    token,
    body: { ...bare, name: "Parcel" },
  });
  assertEquals([replaced.status, replaced.headers.get("ETag")], [200, '"2"']);
  assertEquals(replaced.body, {
    ...first,
    name: "Parcel",
    carrier: null,
    free_from: null,
    min_days: null,
    max_days: null,
    version: 2,
    updated_at: replaced.body.updated_at,
  });
  const read = await app.request("GET", "/v1/shipping-options/parcel-eu", { token });
  assertEquals([read.status, read.headers.get("ETag"), read.body], [200, '"2"', replaced.body]);
  const known = await app.request("GET", "/v1/shipping-options/parcel-eu", {
    token,
    headers: { "If-None-Match": '"2"' },
  });
  assertEquals(known.status, 304);
  const events = await eventsOf(app, "shipping_option", "parcel-eu");
  assertEquals(events.map(({ type, sequence, user_id, data }) => [type, sequence, user_id, data]), [
    ["shipping_option.updated", 1, null, first],
    ["shipping_option.updated", 2, null, replaced.body],
  ]);
});

Deno.test("If-Match lets only him change an option who saw its last version", async () => {
  await using app = await startTestApp();
  const { token } = await app.user("staff");
  const early = await putOption(app, token, "parcel", {}, '"1"');
  assertEquals([early.status, early.body.code], [412, "version_mismatch"]);
  await putOption(app, token, "parcel");
  assertEquals((await putOption(app, token, "parcel", { name: "A" }, '"1"')).status, 200);
  assertEquals((await putOption(app, token, "parcel", { name: "B" }, '"1"')).status, 412);
  const remove = (tag: string) =>
    app.request("DELETE", "/v1/shipping-options/parcel", { token, headers: { "If-Match": tag } });
  assertEquals((await remove('"1"')).status, 412);
  assertEquals((await remove('"2"')).status, 200);
  assertEquals((await remove("two")).status, 422);
  assertEquals((await eventsOf(app, "shipping_option", "parcel")).length, 3);
});

Deno.test("A withdrawn option is offered no more, and again once it is put back", async () => {
  await using app = await startTestApp();
  const { token } = await app.user("staff");
  await putOption(app, token, "parcel");
  assertEquals(await offers(app, "DE", 10), ["parcel 590"]);
  const withdrawn = await app.request("DELETE", "/v1/shipping-options/parcel", { token });
  assertEquals([withdrawn.status, withdrawn.body.active, withdrawn.body.version], [200, false, 2]);
  assertEquals(await offers(app, "DE", 10), []);
  const again = await app.request("DELETE", "/v1/shipping-options/parcel", { token });
  assertEquals([again.status, again.body.version], [200, 2]);
  const read = await app.request("GET", "/v1/shipping-options/parcel", { token });
  assertEquals([read.body.active, read.headers.get("ETag")], [false, '"2"']);
  const back = await putOption(app, token, "parcel");
  assertEquals([back.status, back.body.active, back.body.version], [200, true, 3]);
  assertEquals(await offers(app, "DE", 10), ["parcel 590"]);
});

Deno.test("The price is that of the first band that takes the weight; heavier than the last is not offered", async () => {
  await using app = await startTestApp();
  const { token } = await app.user("staff");
  await putOption(app, token, "parcel");
  await putOption(app, token, "letter", { countries: ["DE"], bands: [{ up_to_grams: 500, price: 0 }] });
  assertEquals(await offers(app, "DE", 0), ["letter 0", "parcel 590"]);
  assertEquals(await offers(app, "DE", 500), ["letter 0", "parcel 590"]);
  assertEquals(await offers(app, "DE", 501), ["parcel 590"]);
  assertEquals(await offers(app, "DE", 1000), ["parcel 590"]);
  assertEquals(await offers(app, "DE", 1001), ["parcel 890"]);
  assertEquals(await offers(app, "DE", 5000), ["parcel 890"]);
  assertEquals(await offers(app, "DE", 5001), []);
  assertEquals(await offers(app, "AT", 500), ["parcel 590"]);
  assertEquals(await offers(app, "FR", 500), []);
});

Deno.test("An offer says from which worth of goods on it costs nothing, for shop fronts to tell what is missing", async () => {
  await using app = await startTestApp();
  const { token } = await app.user("staff");
  await putOption(app, token, "parcel");
  await putOption(app, token, "letter", { free_from: null });
  const { body } = await app.request("GET", "/v1/shipping-options?destination=DE&weight_grams=10");
  assertEquals(
    body.data.map(({ code, price, free_from }: Record<string, unknown>) => [code, price, free_from]),
    [["letter", 590, null], ["parcel", 590, 5000]],
  );
});

Deno.test("Offers are read page by page", async () => {
  await using app = await startTestApp();
  const { token } = await app.user("staff");
  for (const code of ["d", "a", "c", "b", "e"]) await putOption(app, token, code);
  const seen: string[] = [];
  let cursor = "";
  do {
    const path = `/v1/shipping-options?destination=DE&weight_grams=1&limit=2${cursor}`;
    const { body } = await app.request("GET", path);
    seen.push(...body.data.map(({ code }: { code: string }) => code));
    cursor = body.next_cursor && `&cursor=${body.next_cursor}`;
  } while (cursor);
  assertEquals(seen, ["a", "b", "c", "d", "e"]);
});

Deno.test("Ten that add one option at once make one, and a version for each that differs", async () => {
  await using app = await startTestApp();
  const { token } = await app.user("staff");
  const answers = await Promise.all(
    Array.from({ length: 10 }, (_, i) => putOption(app, token, "parcel", { name: `Parcel ${i}` })),
  );
  assertEquals(answers.map(({ status }) => status).sort(), [...Array(9).fill(200), 201]);
  assertEquals(answers.map(({ body }) => body.version).sort((a, b) => a - b), [
    1,
    2,
    3,
    4,
    5,
    6,
    7,
    8,
    9,
    10,
  ]);
  const events = await eventsOf(app, "shipping_option", "parcel");
  assertEquals(events.map(({ sequence }) => sequence), [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
});

Deno.test("What is wrong with an option is said by field", async () => {
  await using app = await startTestApp();
  const { token } = await app.user("staff");
  const faults = async (more: Record<string, unknown>, code = "parcel") =>
    faultsOf(await putOption(app, token, code, more));
  const band = (up_to_grams: number) => ({ up_to_grams, price: 1 });
  assertEquals(await faults({ bands: [band(10), band(10), band(5)] }), [
    "/bands/1/up_to_grams must be more than that of the band before, 10",
    "/bands/2/up_to_grams must be more than that of the band before, 10",
  ]);
  assertEquals(await faults({ min_days: 5, max_days: 4 }), ["/max_days must not be less than min_days"]);
  const begins = async (pointer: string, more: Record<string, unknown>, code?: string) => {
    const [first] = await faults(more, code);
    assert(first!.startsWith(`${pointer} `), first);
  };
  await begins("/bands", { bands: [] });
  await begins("/bands/0/price", { bands: [{ up_to_grams: 1, price: -1 }] });
  await begins("/bands/0/price", { bands: [{ up_to_grams: 1, price: 1.5 }] });
  await begins("/bands/0/up_to_grams", { bands: [band(0)] });
  await begins("/free_from", { free_from: 0 });
  await begins("/free_from", { free_from: 49.9 });
  await begins("/free_from", { free_from: 1_000_000_000_001 });
  await begins("/countries", { countries: [] });
  await begins("/countries/1", { countries: ["DE", "XX"] });
  await begins("/currency", { currency: "EURO" });
  await begins("/name", { name: " " });
  await begins("/active", { active: true });
  await begins("path/code", {}, "Parcel%20EU");
  const heavy = await app.request("GET", "/v1/shipping-options?destination=DE&weight_grams=-1");
  assert(faultsOf(heavy)[0]!.startsWith("query/weight_grams "));
  for (const weight of ["", "&weight_grams=", "&weight_grams=1e3", "&weight_grams=99999999999"]) {
    const light = await app.request("GET", `/v1/shipping-options?destination=DE${weight}`);
    assert(faultsOf(light)[0]!.startsWith("query/weight_grams "), weight);
  }
});

Deno.test("Staff keep the options; everyone sees what is offered", async () => {
  await using app = await startTestApp();
  const [staff, customer] = [await app.user("staff"), await app.user()];
  assertEquals((await putOption(app, undefined, "parcel")).status, 401);
  assertEquals((await putOption(app, customer.token, "parcel")).status, 403);
  const path = "/v1/shipping-options/parcel";
  for (const method of ["GET", "DELETE"]) {
    assertEquals((await app.request(method, path)).status, 401);
    assertEquals((await app.request(method, path, { token: customer.token })).status, 403);
    assertEquals((await app.request(method, path, { token: staff.token })).status, 404);
  }
  assertEquals(await offers(app, "DE", 1), []);
});
