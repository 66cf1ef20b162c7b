import { assert, assertEquals, assertNotEquals } from "@std/assert";
import { startTestApp } from "../../support/app.ts";
import { at, count, NDJSON, ndjson, sendFile } from "./products.ts";

Deno.test("changes by an import are seen at once under id and SKU", async () => {
  await using app = await startTestApp();
  const { token } = await app.user("staff");
  const before = ndjson(Array.from({ length: 60 }, (_, i) => ({ sku: `A-${i}`, name: "Before" })));
  await sendFile(app, token, NDJSON, before);
  const rows = await app.deps.sql<{ id: string; sku: string }[]>`select id, sku from products`;
  const refs = rows.flatMap(({ id, sku }) => [id, sku]);
  const readAll = () => Promise.all(refs.map((ref) => app.request("GET", at(ref))));
  await readAll();
  await Promise.all([
    sendFile(app, token, NDJSON, before.replaceAll("Before", "After")),
    readAll(),
    readAll(),
  ]);
  for (const answer of await readAll()) assertEquals([answer.body.name, answer.body.version], ["After", 2]);
  for (const answer of await readAll()) assertNotEquals(answer.headers.get("X-Cache-Status"), "MISS");
});

Deno.test("imports, changes and additions of the same products at once neither deadlock nor lose a version", async () => {
  await using app = await startTestApp();
  const { token } = await app.user("staff");
  const skus = Array.from({ length: 120 }, (_, i) => `A-${i}`);
  const shuffled = (seed: number) => skus.toSorted((a, b) => hash(a + seed) - hash(b + seed));
  const imports = Array.from({ length: 8 }, (_, i) =>
    sendFile(
      app,
      token,
      NDJSON,
      ndjson(
        shuffled(i).map((sku) => ({ sku, name: `Import ${i}`, prices: [{ currency: "EUR", amount: i }] })),
      ),
    ));
  const additions = skus.filter((_, i) => i % 10 === 0).map((sku) =>
    app.request("POST", "/v1/products", { token, body: { sku, name: "Single" } })
  );
  const results = await Promise.all(imports);
  assertEquals(results.map(({ status, body }) => [status, body.failed]), Array(8).fill([200, 0]));
  const changes = Array.from(
    { length: 200 },
    (_, i) => app.request("PATCH", at(skus[i * 7 % skus.length]!), { token, body: { weight_grams: i } }),
  );
  const later = Array.from(
    { length: 4 },
    (_, i) =>
      sendFile(app, token, NDJSON, ndjson(shuffled(i + 50).map((sku) => ({ sku, name: `Later ${i}` })))),
  );
  assertEquals(new Set((await Promise.all(later)).map(({ status }) => status)), new Set([200]));
  assertEquals(new Set((await Promise.all(changes)).map(({ status }) => status)), new Set([200]));
  for (const { status } of await Promise.all(additions)) assert(status === 201 || status === 409);
  assertEquals(await count(app, "products"), skus.length);
  const gaps = await app.deps.sql`
    select p.sku from products p join events e on e.aggregate_id = p.id::text
    group by p.id having count(*) <> p.version or max(sequence) <> p.version`;
  assertEquals(gaps.length, 0);
});

Deno.test("imports that add the same products in whatever order add each once, and do not deadlock", async () => {
  await using app = await startTestApp();
  const { token } = await app.user("staff");
  for (let round = 0; round < 5; round++) {
    const skus = Array.from({ length: 400 }, (_, i) => `R-${round}-${i}`);
    const results = await Promise.all([1, 2, 3, 4].map((seed) => {
      const shuffled = skus.toSorted((a, b) => hash(a + seed) - hash(b + seed));
      return sendFile(app, token, NDJSON, ndjson(shuffled.map((sku) => ({ sku, name: "Same" }))));
    }));
    assertEquals(results.map(({ status, body }) => [status, body.failed]), Array(4).fill([200, 0]));
    assertEquals(results.reduce((sum, { body }) => sum + body.created, 0), skus.length);
  }
});

function hash(text: string): number {
  let value = 7;
  for (const character of text) value = (value * 31 + character.charCodeAt(0)) % 1_000_003;
  return value * 7919 % 1_000_003;
}
