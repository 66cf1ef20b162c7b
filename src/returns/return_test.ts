import { assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import type { PastRefund } from "../payments/mod.ts";
import type { Actor } from "../platform/ctx.ts";
import { AppError } from "../platform/errors.ts";
import {
  amountFailed,
  itemsToReturn,
  receivedItems,
  refuseTransition,
  type Return,
  TRANSITIONS,
  unitsReceived,
} from "./return.ts";
import { RETURN_STATUSES } from "./schemas.ts";

const STAFF: Actor = { kind: "user", userId: "0192f0c0-11aa-7e0f-8c55-4d1a9c3e7b20", role: "staff" };
const OWNER: Actor = { ...STAFF, role: "customer" };
const ACTORS: readonly Actor[] = [OWNER, STAFF];
const RETURN: Return = {
  id: "0192f0e4-3c5d-7a10-8b21-5e7f9a0b1c2d",
  order_id: "0192f0c1-7a3e-7cc1-a5f4-1f8f0b6d2c11",
  status: "requested",
  items: [
    { line: 1, sku: "MUG", quantity: 2, restocked: 0, written_off: 0 },
    { line: 3, sku: "CUP", quantity: 1, restocked: 0, written_off: 0 },
  ],
  reason: "Too small",
  staff_note: null,
  refund: null,
  version: 1,
  created_at: "2026-02-05T09:00:00.000Z",
  updated_at: "2026-02-05T09:00:00.000Z",
};

Deno.test("Owners can only cancel; what is not in the table is refused to everybody, before who asks matters", () => {
  for (const from of RETURN_STATUSES) {
    for (const to of RETURN_STATUSES) {
      for (const actor of ACTORS) {
        const go = () => refuseTransition(actor, { ...RETURN, status: from }, to, "/status");
        const by = TRANSITIONS[from][to];
        if (by === undefined) assertEquals(assertThrows(go, AppError).code, "invalid_transition");
        else if (actor === OWNER && to !== "cancelled") {
          assertEquals(assertThrows(go, AppError).code, "forbidden");
        } else go();
      }
    }
  }
});

Deno.test("A return is refunded again only where its refund failed, and by staff", () => {
  for (const status of ["pending", "succeeded", "failed"] as const) {
    const refunded: Return = {
      ...RETURN,
      status: "refunded",
      refund: { id: RETURN.id, status, currency: "EUR", amount: 1 },
    };
    const again = (actor: Actor) => () => refuseTransition(actor, refunded, "refunded", "path/id");
    if (status === "failed") again(STAFF)();
    else assertThrows(again(STAFF), AppError);
    assertThrows(again(OWNER), AppError);
  }
});

Deno.test("A refusal names every item that cannot be returned, and what of it can", () => {
  const lines = [{ line: 1, sku: "MUG", returnable: 2 }, { line: 2, sku: "CUP", returnable: 0 }];
  const asked = [{ line: 1, quantity: 2 }, { line: 2, quantity: 1 }, { line: 4, quantity: 1 }];
  const error: AppError = assertThrows(() => itemsToReturn(lines, asked), AppError);
  assertEquals(error.errors.map(({ pointer, code, returnable }) => [pointer, code, returnable]), [
    ["/items/1/quantity", "more_than_returnable", 0],
    ["/items/2/line", "unknown_line", undefined],
  ]);
});

Deno.test("For all requests what is to come back is what was asked for, and never more than can", () => {
  const items = fc.array(
    fc.record({ line: fc.integer({ min: 1, max: 2 }), quantity: fc.integer({ min: 1, max: 3 }) }),
    { minLength: 1 },
  );
  fc.assert(fc.property(items, fc.nat(4), fc.nat(4), (asked, one, two) => {
    const left = [one, two];
    const lines = left.map((returnable, i) => ({ line: i + 1, sku: `SKU-${i + 1}`, returnable }));
    const of = (line: number) =>
      asked.filter((item) => item.line === line).reduce((sum, { quantity }) => sum + quantity, 0);
    if (of(1) > one || of(2) > two) {
      assertThrows(() => itemsToReturn(lines, asked), AppError);
      return;
    }
    const found = itemsToReturn(lines, asked);
    for (const line of [1, 2]) {
      const item = found.find((each) => each.line === line);
      assertEquals([item?.quantity ?? 0, item?.sku], [of(line), item && `SKU-${line}`]);
    }
  }));
});

Deno.test("Fewer units than were asked for may come back, split as staff found them; no more, and not none", () => {
  const came = receivedItems(RETURN.items, [
    { line: 1, restocked: 1, written_off: 0 },
    { line: 1, restocked: 0, written_off: 1 },
  ]);
  assertEquals(came, [
    { line: 1, sku: "MUG", quantity: 2, restocked: 1, written_off: 1 },
    { line: 3, sku: "CUP", quantity: 1, restocked: 0, written_off: 0 },
  ]);
  assertEquals(unitsReceived({ ...RETURN, items: came }), [{ line: 1, quantity: 2 }]);
  for (
    const [receipt, code] of [
      [{ line: 1, restocked: 2, written_off: 1 }, "more_than_asked"],
      [{ line: 2, restocked: 1, written_off: 0 }, "unknown_line"],
      [{ line: 3, restocked: 0, written_off: 0 }, "nothing_received"],
    ] as const
  ) {
    const error: AppError = assertThrows(() => receivedItems(RETURN.items, [receipt]), AppError);
    assertEquals([error.code, error.errors[0]!.code], ["return_refused", code]);
  }
});

/** A refund of 150 that succeeded after those of the return failed, all of it for what was sold; or as it is said. */
const refund = ({ amount = 150, taken = amount, ...known }: Partial<PastRefund> & { taken?: number }) =>
  ({
    id: "other",
    return_id: null,
    follows: null,
    amount,
    goods_amount: taken,
    shipping_amount: 0,
    duty_amount: 0,
    tax_amount: 0,
    items: [],
    status: "succeeded",
    began: 7,
    ended: 8,
    ...known,
  }) as unknown as PastRefund;

Deno.test("What failed of a return's refund is asked for again, less the amounts that were given back otherwise since", () => {
  const items = [{ line: 1, sku: "MUG-BLUE", quantity: 2 }];
  const ofReturn = { return_id: RETURN.id, status: "failed" as const };
  const first = refund({ ...ofReturn, id: "first", amount: 600, items, began: 1, ended: 5 });
  const share = refund({ ...ofReturn, id: "share", follows: "first", amount: 200, began: 2, ended: 6 });
  const again = (...refunds: PastRefund[]) =>
    amountFailed(
      { status: "PAID" },
      { refund: { id: "first", currency: "EUR", amount: 800, status: "failed" } },
      refunds,
    );
  assertEquals(again(refund({})), undefined);
  assertEquals(again(first, share), undefined, "the units themselves");
  assertEquals(again({ ...first, status: "succeeded" }, share), 200);
  const shipping = refund({ goods_amount: 0, shipping_amount: 120, tax_amount: 30 });
  assertEquals(again(first, share, shipping), undefined, "the units themselves, less their shipping");
  assertEquals(again({ ...first, status: "succeeded" }, share, shipping), 50);

  const TABLE: [what: string, others: PastRefund[], amount: number | undefined][] = [
    ["an amount", [refund({})], 650],
    ["two of them", [refund({}), refund({ id: "another" })], 500],
    ["more than had failed", [refund({ amount: 900 })], 0],
    ["what began when the first had failed already", [refund({ began: 5.5 })], 650],
    ["what began before", [refund({ began: 4 })], undefined],
    ["what failed as well", [refund({ status: "failed" })], undefined],
    ["what was owed anyway, in part", [refund({ taken: 100 })], 700],
    ["what was owed anyway and is under way", [refund({ taken: 0, status: "pending" })], undefined],
    ["another return's", [refund({ return_id: "another" })], undefined],
    ["units", [refund({ items })], undefined],
    ["a share of units", [refund({ items }), refund({ id: "its share", follows: "other" })], undefined],
  ];
  for (const [what, others, amount] of TABLE) assertEquals(again(first, share, ...others), amount, what);

  const error = assertThrows(() => again(first, share, refund({ status: "pending" })), AppError);
  assertEquals(error.errors[0]!.code, "refund_under_way");
});
