import { assert, assertEquals } from "@std/assert";
import { Redis } from "ioredis";
import { newId } from "../../../src/platform/id.ts";
import { startTestApp } from "../../support/app.ts";
import { hasRedis, testWithRedis } from "../../support/database.ts";
import { at, create } from "./products.ts";

testWithRedis(
  "a product is read by id, in either case, or SKU, and the second time from the cache",
  async () => {
    await using app = await startTestApp();
    const { token } = await app.user("staff");
    const product = await create(app, token, { sku: "A/b.c_d-1", prices: [{ currency: "EUR", amount: 1 }] });
    for (const ref of [product.id, "A/b.c_d-1"]) {
      for (const status of ["MISS", "HIT"]) {
        const answer = await app.request("GET", at(ref));
        assertEquals([answer.status, answer.headers.get("X-Cache-Status")], [200, status]);
        assertEquals(answer.body, product);
        assertEquals(answer.headers.get("ETag"), '"1"');
      }
    }
    assertEquals(
      (await app.request("GET", at(product.id.toUpperCase()))).headers.get("X-Cache-Status"),
      "HIT",
    );
    for (const prefix of ["", "/api"]) {
      assertEquals((await app.request("GET", `${prefix}/products/A%2Fb.c_d-1/`)).body, product);
    }
  },
);

Deno.test({
  name: "a product is kept in Redis for 300 s and a list for 60 s",
  ignore: !hasRedis,
  async fn() {
    await using app = await startTestApp();
    const { token } = await app.user("staff");
    const product = await create(app, token, { sku: "MUG" });
    await app.request("GET", at(product.id));
    await app.request("GET", at("MUG"));
    await app.request("GET", "/v1/products");
    const redis = new Redis((app.deps.config.redis as { url: string }).url);
    const keys = await redis.keys("products:*");
    const lives = new Map<string, number>();
    for (const key of keys) lives.set(key, await redis.pttl(key));
    await redis.quit();
    const [list] = keys.filter((key) => key.startsWith("products:list:"));
    assertEquals(keys.sort(), [`products:${product.id}`, "products:MUG", list!].sort());
    for (const [key, life] of lives) {
      const whole = key === list ? 60_000 : 300_000;
      assert(life > whole - 5_000 && life <= whole, `${key}: ${life}`);
    }
  },
});

Deno.test("who has the version already gets 304", async () => {
  await using app = await startTestApp();
  const { token } = await app.user("staff");
  await create(app, token, { sku: "MUG" });
  const read = (known: string) => app.request("GET", at("MUG"), { headers: { "If-None-Match": known } });
  for (const known of ['"1"', 'W/"1"', '"7", "1"']) {
    const answer = await read(known);
    assertEquals([answer.status, answer.body, answer.headers.get("ETag")], [304, "", '"1"']);
  }
  await app.request("PATCH", at("MUG"), { token, body: { name: "Cup" } });
  const answer = await read('"1"');
  assertEquals([answer.status, answer.body.name], [200, "Cup"]);
});

Deno.test("drafts are there for staff only, on a cache hit too; archived products for everyone who knows them", async () => {
  await using app = await startTestApp();
  const staff = await app.user("staff");
  const customer = await app.user("customer");
  const draft = await create(app, staff.token, { sku: "DRAFT", status: "draft" });
  await create(app, staff.token, { sku: "OLD", status: "archived" });
  for (const ref of [draft.id, "DRAFT"]) {
    for (const _ of ["miss", "hit"]) {
      assertEquals((await app.request("GET", at(ref), { token: staff.token })).body.status, "draft");
      const missing = await app.request("GET", at(newId()));
      for (const token of [undefined, customer.token]) {
        const answer = await app.request("GET", at(ref), { token });
        assertEquals([answer.status, answer.body.code, answer.body.detail], [
          404,
          "not_found",
          missing.body.detail,
        ]);
        assertEquals(answer.headers.get("ETag"), null);
        assertEquals(answer.headers.get("X-Cache-Status"), null, "it would tell that the draft exists");
      }
    }
  }
  assertEquals((await app.request("GET", at("OLD"))).body.status, "archived");
  const listed = await app.request("GET", "/v1/products");
  assertEquals(listed.body.data, []);
});

Deno.test("what is no product is not found, what is no id or SKU is refused", async () => {
  await using app = await startTestApp();
  const { token } = await app.user("staff");
  await create(app, token, { sku: "MUG" });
  for (const ref of ["mug", newId(), "import"]) {
    assertEquals((await app.request("GET", at(ref))).status, 404, ref);
    assertEquals((await app.request("PATCH", at(ref), { token, body: { name: "x" } })).status, 404, ref);
  }
  for (const ref of ["MUG ", "A'--", "a\0", "ü", "a".repeat(65), "-", "a:b", "products:MUG"]) {
    const answer = await app.request("GET", at(ref));
    assertEquals([answer.status, answer.body.errors[0].pointer], [422, "path/id_or_sku"], ref);
  }
  for (const raw of ["%", "%zz", "%E0%A4%A", "%00"]) {
    assertEquals((await app.request("GET", `/v1/products/${raw}`)).status, 422, raw);
  }
});

Deno.test("products cannot be deleted, and the answer says what can be done", async () => {
  await using app = await startTestApp();
  const { token } = await app.user("admin");
  await create(app, token, { sku: "MUG" });
  const answer = await app.request("DELETE", at("MUG"), { token });
  assertEquals([answer.status, answer.headers.get("Allow")], [405, "GET, HEAD, PATCH"]);
  assertEquals((await app.request("HEAD", at("MUG"), { token })).status, 200);
});
