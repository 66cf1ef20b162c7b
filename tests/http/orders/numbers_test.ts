import { assertEquals } from "@std/assert";
import { type Answer, startTestApp } from "../../support/app.ts";
import {
  addProduct,
  assertBooksBalance,
  place,
  startAnother,
  tally,
  tryToPlace,
} from "../../support/orders.ts";

/** The numbers of the orders among these answers, counted from the first that is ever given. */
function numbers(answers: Answer[]): number[] {
  return answers.filter(({ status, headers }) => status === 201 && !headers.get("Idempotency-Replayed"))
    .map(({ body }) => Number(body.number.replace("WB-", "")) - 100_000).sort((a, b) => a - b);
}
const upTo = (count: number) => Array.from({ length: count }, (_, i) => i + 1);

Deno.test("Numbers are consecutive, however many requests are refused between", async () => {
  await using app = await startTestApp();
  const user = await app.user();
  const { sku } = await addProduct(app, { stock: 10 });
  const answers: Answer[] = [];
  for (let i = 0; i < 5; i++) {
    answers.push(await tryToPlace(app, user, { [sku]: 11 }));
    answers.push(await tryToPlace(app, user, { [sku]: 1, UNHEARD: 1 }));
    answers.push(await tryToPlace(app, user, { [sku]: 1 }, { key: `k${i}` }));
    answers.push(await tryToPlace(app, user, { [sku]: 1 }, { key: `k${i}` }));
    answers.push(await tryToPlace(app, user, { [sku]: 2 }, { key: `k${i}` }));
  }
  assertEquals(numbers(answers), upTo(5));
});

Deno.test("Requests that lose a race for stock or for a key burn no number", async () => {
  await using app = await startTestApp();
  await using other = await startAnother(app);
  const user = await app.user();
  const { sku } = await addProduct(app, { stock: 30 });
  const answers = await Promise.all(Array.from({ length: 120 }, (_, i) => {
    const process = i % 2 ? app : other;
    return tryToPlace(process, user, { [sku]: 1 + i % 3 }, { key: i % 4 ? undefined : `k${i % 12}` });
  }));
  const placed = numbers(answers);
  assertEquals(placed, upTo(placed.length));
  await addProduct(app, { sku: "LAST" });
  const last = await place(app, user, { LAST: 1 });
  assertEquals(last.number, `WB-${100_001 + placed.length}`);
  assertEquals(Object.keys(tally(answers)).filter((kind) => kind.startsWith("5")), []);
  await assertBooksBalance(app.deps.sql);
});

Deno.test("Orders that race for one reference burn no number", async () => {
  await using app = await startTestApp();
  await using other = await startAnother(app);
  const staff = await app.user("staff");
  const { sku } = await addProduct(app, { stock: 1000 });
  for (let round = 1; round <= 10; round++) {
    const answers = await Promise.all(
      Array.from({ length: 12 }, (_, i) =>
        tryToPlace(i % 2 ? app : other, staff, { [sku]: 1 }, {
          more: { external_reference: `ERP-${round}` },
        })),
    );
    assertEquals(tally(answers), { 201: 1, "409 reference_taken": 11 });
    assertEquals(numbers(answers), [round]);
  }
  await assertBooksBalance(app.deps.sql);
});
