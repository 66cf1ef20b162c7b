import { assertEquals } from "@std/assert";
import { type PaymentProvider, ProviderError } from "../../src/payments/providers/provider.ts";
import { systemCtx } from "../../src/deps.ts";
import { checkDuePayments, settleMoney } from "../../src/payments/mod.ts";
import { AppError } from "../../src/platform/errors.ts";
import { type Answer } from "../support/app.ts";
import { assertBooksBalance, patch, place, read } from "../support/orders.ts";
import {
  assertBankAgrees,
  bankMessage,
  capture,
  expire,
  letRetriesBeDue,
  letWorkerCatchUp,
  MINUTE_MS,
  payThrough,
  postWebhook,
  refundAtBank,
  sandboxOf,
  startPaidShop,
  sweep,
  tryToPay,
  tryToRefund,
} from "../support/payments.ts";

function random(seed: number): () => number {
  return () => {
    seed = seed + 0x6D2B79F5 | 0;
    let t = Math.imul(seed ^ seed >>> 15, 1 | seed);
    t = t + Math.imul(t ^ t >>> 7, 61 | t) ^ t;
    return ((t ^ t >>> 14) >>> 0) / 2 ** 32;
  };
}

const SEEDS = Number(Deno.env.get("HUNT_SEEDS") ?? 6);
const FIRST = Number(Deno.env.get("HUNT_FIRST") ?? 1);
const ORDERS = 60;

for (let seed = FIRST; seed < FIRST + SEEDS; seed++) {
  Deno.test(`Whatever happens to money in whatever order (seed ${seed})`, async () => {
    await using shop = await startPaidShop();
    const { app, user, staff, sku, pass } = shop;
    const dice = random(seed);
    const pick = <T>(...of: T[]): T => of[Math.floor(dice() * of.length)]!;
    let troubled = true;
    const kills = seed % 2 === 0;
    const sandbox = sandboxOf(app);
    const trouble = <I, R>(call: (input: I, signal: AbortSignal) => Promise<R>) =>
    async (
      input: I,
      signal: AbortSignal,
    ) => {
      const d = troubled ? dice() : 1;
      if (d < 0.04) throw new ProviderError("unknown", "api_error", "no");
      const answer = await call(input, signal);
      if (d < 0.10) throw new ProviderError("unknown", "timeout", "late");
      if (d < 0.18 && kills) throw new Error("killed");
      if (d > 0.7 && d < 1) {
        for (let i = 0; i < 30 * dice(); i++) {
          await sandbox.find({ id: "00000000-0000-7000-8000-000000000000", reference: null }, signal);
        }
      }
      return answer;
    };
    payThrough(app, {
      ...sandbox,
      charge: trouble(sandbox.charge),
      find: trouble(sandbox.find),
      capture: trouble(sandbox.capture),
      void: trouble(sandbox.void),
      refund: trouble(sandbox.refund),
    } as PaymentProvider);

    const log: Record<string, string[]> = {};
    const bad: string[] = [];
    const note = (id: string, what: string, { status, body }: Answer) => {
      (log[id] ??= []).push(`${what} → ${status} ${body?.code ?? ""} ${body?.errors?.[0]?.code ?? ""}`);
      if (status >= 500 && status !== 503 && !kills) bad.push(`${what} → ${status} ${JSON.stringify(body)}`);
    };
    const some = async (orderId: string, table: "payments" | "refunds" | "returns") => {
      const rows = await app.deps.sql`select * from ${app.deps.sql(table)} where order_id = ${orderId}`;
      return rows.length ? pick(...rows) : undefined;
    };
    const step = async (id: string): Promise<void> => {
      const kind = dice();
      const p = await some(id, "payments");
      if (kind < 0.18) {
        const token = pick(
          "tok_success",
          "tok_success",
          "tok_3ds",
          "tok_late",
          "tok_timeout_after_charge",
          "tok_refund_fails",
          "tok_decline",
        );
        const more: Record<string, unknown> = {};
        if (dice() < 0.5) more.amount = 1 + Math.floor(dice() * 6000);
        if (dice() < 0.35) more.capture_method = "manual";
        return note(id, `pay ${token} ${JSON.stringify(more)}`, await tryToPay(app, user, id, token, more));
      }
      if (kind < 0.27 && p) {
        const amount = dice() < 0.6 ? 1 + Math.floor(dice() * 4000) : undefined;
        return note(id, `capture ${amount}`, await capture(app, staff, p.id, amount));
      }
      if (kind < 0.31 && p) {
        return note(
          id,
          "void",
          await app.request("POST", `/v1/payments/${p.id}/void`, { token: staff.token }),
        );
      }
      if (kind < 0.40) {
        const status = pick("PAID", "PAID", "PROCESSING", "SHIPPED", "DELIVERED", "CANCELLED", "REFUNDED");
        return note(id, status, await patch(app, staff, id, { status }));
      }
      if (kind < 0.48) {
        const body = dice() < 0.7 ? { items: [{ line: pick(1, 2), quantity: pick(1, 2) }] } : {};
        return note(
          id,
          `ship ${JSON.stringify(body)}`,
          await app.request("POST", `/v1/orders/${id}/shipments`, { token: staff.token, body }),
        );
      }
      if (kind < 0.66) {
        const how = dice();
        const body = how < 0.15
          ? {}
          : how < 0.5
          ? { amount: 1 + Math.floor(dice() * 5000) }
          : { items: [{ line: pick(1, 2), quantity: pick(1, 1, 2) }], include_shipping: dice() < 0.5 };
        if (dice() < 0.2 && p) Object.assign(body, { payment_id: p.id });
        return note(id, `refund ${JSON.stringify(body)}`, await tryToRefund(app, staff, id, body));
      }
      if (kind < 0.72 && p?.provider_reference) {
        return note(
          id,
          "refund at bank",
          await refundAtBank(
            app,
            staff,
            p.provider_reference,
            dice() < 0.3 ? undefined : 1 + Math.floor(dice() * 3000),
          ),
        );
      }
      if (kind < 0.80 && p?.provider_reference) {
        if (dice() < 0.5) await sandbox.settle(p.provider_reference);
        else await sandbox.confirmAction(p.provider_reference, dice() < 0.8 ? "success" : "fail");
        if (dice() < 0.8) await postWebhook(app, bankMessage(app, p.provider_reference));
        return;
      }
      if (kind < 0.84 && p) {
        return note(
          id,
          "refresh",
          await app.request("POST", `/v1/payments/${p.id}/refresh`, { token: user.token }),
        );
      }
      const ret = await some(id, "returns");
      if (kind < 0.90) {
        return note(
          id,
          "return",
          await app.request("POST", `/v1/orders/${id}/returns`, {
            token: user.token,
            body: { items: [{ line: pick(1, 2), quantity: pick(1, 1, 2) }], reason: "Too small" },
          }),
        );
      }
      if (kind < 0.97 && ret) {
        if (ret.status === "requested") {
          return note(
            id,
            "approve",
            await app.request("PATCH", `/v1/returns/${ret.id}`, {
              token: staff.token,
              body: { status: "approved" },
            }),
          );
        }
        if (ret.status === "approved") {
          const items = await app.deps
            .sql`select line, quantity from return_items where return_id = ${ret.id}`;
          return note(
            id,
            "receive",
            await app.request("POST", `/v1/returns/${ret.id}/receipt`, {
              token: staff.token,
              body: {
                items: items.map(({ line, quantity }) => ({ line, restocked: quantity, written_off: 0 })),
                refund: dice() < 0.5,
              },
            }),
          );
        }
        return note(
          id,
          "refund return",
          await app.request("POST", `/v1/returns/${ret.id}/refund`, {
            token: staff.token,
            headers: { "Idempotency-Key": crypto.randomUUID() },
          }),
        );
      }
      if (kind < 0.98) {
        const ctx = systemCtx(app.deps, "test");
        const quiet = (work: Promise<unknown>) =>
          work.catch((error) => {
            if (!(error instanceof AppError) && !/killed/.test(String(error))) bad.push(String(error.stack));
          });
        await Promise.all([
          quiet(settleMoney(ctx, id)),
          quiet(settleMoney(ctx, id)),
          quiet(checkDuePayments(ctx, new AbortController().signal)),
          quiet(checkDuePayments(ctx, new AbortController().signal)),
        ]);
        return;
      }
      if (kind < 0.99) return note(id, "cancel", await patch(app, user, id, { status: "CANCELLED" }));
      await letWorkerCatchUp(app);
    };

    const ids: string[] = [];
    const placeOne = async (i: number) => {
      const items = [{ sku, quantity: 1 + i % 3 }, { sku, quantity: 2 }];
      const placed = () => place(app, user, {}, { items, shipping_option: "standard" });
      // Somebody else may let the time go by just now, and with it the token.
      const { id } = await placed().catch(placed);
      ids.push(id);
      return id as string;
    };
    const turns = Array.from({ length: ORDERS }, (_, i) => i).values();
    await Promise.all(Array.from({ length: 6 }, async () => {
      for (const turn of turns) {
        const id = await placeOne(turn);
        if (dice() < 0.6) {
          const more = dice() < 0.4 ? { capture_method: "manual" } : {};
          const token = pick("tok_success", "tok_refund_fails");
          note(id, `pay ${token} ${JSON.stringify(more)}`, await tryToPay(app, user, id, token, more));
        }
        const rounds = 4 + Math.floor(dice() * 8);
        for (let i = 0; i < rounds; i++) {
          const width = dice() < 0.5 ? 1 : 2 + Math.floor(dice() * 2);
          await Promise.all(Array.from({ length: width }, () => step(id)));
          if (dice() < 0.1) await letWorkerCatchUp(app);
          if (dice() < 0.05) await sweep(app);
          if (dice() < 0.004) {
            await pass(31 * MINUTE_MS);
            await expire(app);
          }
        }
      }
    }));
    troubled = false;
    const late = await app.deps.sql`select reference from sandbox_charges where status = 'processing'`;
    for (const { reference } of late) await sandbox.settle(reference);
    for (let i = 0; i < 20; i++) {
      await pass(2 ** Math.min(i, 12) * MINUTE_MS);
      await expire(app);
      await sweep(app);
      await letRetriesBeDue(app);
      await letWorkerCatchUp(app);
    }
    await letRetriesBeDue(app);
    const last = await letWorkerCatchUp(app);
    assertEquals(bad, []);
    assertEquals(last.failures.map(String), []);
    await assertBankAgrees(app);
    await assertBooksBalance(app.deps.sql);

    const wrong: unknown[] = [];
    for (const id of ids) {
      const { body: o } = await read(app, user, id);
      const payments = await app.deps.sql`select * from payments where order_id = ${id}`;
      const refunds = await app.deps.sql`select * from refunds where order_id = ${id}`;
      const held = payments.reduce((s, p) => s + p.amount_captured - p.amount_refunded, 0);
      const recorded = o.amount_paid - o.amount_refunded - held;
      const say = (what: string) =>
        wrong.push([
          what,
          id,
          o.status,
          o.payment_status,
          o.amount_due,
          o.amount_paid,
          o.amount_refunded,
          o.amount_authorised,
          {
            payments: payments.map((
              p,
            ) => [
              p.status,
              p.payment_method,
              p.amount,
              p.amount_authorised,
              p.amount_captured,
              p.amount_refunded,
              p.amount_refunding,
              p.check_at,
            ]),
            refunds: refunds.map((r) => [r.status, r.amount, r.failure_message, r.reason]),
          },
          log[id],
        ]);
      if (recorded < 0) say("recorded below zero");
      if (["CANCELLED", "EXPIRED"].includes(o.status) && held !== 0) say("over, but provider holds money");
      if (-o.amount_due > 0 && held > 0) say("owed, but provider holds money");
      if (o.amount_due > 0 && o.status !== "PENDING") say("due but not pending");
      if (o.status === "PENDING" && o.expires_at !== null) say("still pending");
      if (payments.some((p) => p.amount_refunding !== 0)) say("refunding");
      if (refunds.some((r) => r.status === "pending")) say("refund pending");
      if (
        payments.some((p) => p.check_at !== null || p.status === "created") &&
        !log[id]!.some((l) => l.startsWith("PAID → 200"))
      ) say("in doubt");
      if (o.amount_authorised !== 0 && !log[id]!.some((l) => l.startsWith("PAID → 200"))) say("authorised");
      if (
        payments.some((p) => ["authorised", "requires_action"].includes(p.status)) &&
        !log[id]!.some((l) => l.startsWith("PAID → 200"))
      ) say("open payment");
    }
    assertEquals(wrong, []);
  });
}
