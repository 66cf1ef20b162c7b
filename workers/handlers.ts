import { sealLog } from "../src/events/mod.ts";
import { expireDueOrders, processOrders } from "../src/orders/mod.ts";
import { sendNotification } from "../src/notifications/mod.ts";
import { deleteExpiredTokens } from "../src/identity/mod.ts";
import type { JobName, JOBS } from "../src/jobs.ts";
import type { Ctx } from "../src/platform/ctx.ts";
import type { Tx } from "../src/platform/db.ts";
import { deleteExpiredKeys } from "../src/platform/idempotency.ts";
import { deleteExpiredTickets } from "../src/realtime/mod.ts";
import { checkDuePayments, deleteOldWebhooks, settleMoney, workOnWebhook } from "../src/payments/mod.ts";
import { expireDueCarts, expireDueQuotes } from "../src/quotes/mod.ts";
import { settlePoints } from "../src/rewards/mod.ts";
import { deleteOldDeliveries, deliver, resealSecrets } from "../src/webhooks/mod.ts";
import type { z } from "@hono/zod-openapi";

type DataOf<Name extends JobName> = z.output<Extract<typeof JOBS[number], { name: Name }>["schema"]>;

/** Works on the database only, in the transaction that takes and completes these jobs. */
export interface TransactionHandler<Data> {
  together(tx: Tx, ctx: Ctx, data: Data[]): Promise<void>;
}

/** Calls other systems, or takes several transactions of its own; it may be killed and done again. */
export interface OutsideHandler<Data> {
  /** `isLast`: if it fails now, it has failed for good. */
  alone(ctx: Ctx, data: Data, signal: AbortSignal, isLast: boolean): Promise<void>;
}

export type Handler<Data> = TransactionHandler<Data> | OutsideHandler<Data>;

/** What does each job. They parse nothing and decide nothing: they call a verb. */
export const HANDLERS = {
  "orders.process": {
    async together(tx, ctx, data) {
      const ids = await processOrders(tx, ctx, data.map(({ order_id }) => order_id));
      for (const id of ids) ctx.log.info(`Order ${id} processed`, { order_id: id });
    },
  },
  "orders.expire": {
    async alone(ctx, _, signal) {
      await inBatches(signal, async () => {
        const { expired, mayBeMore } = await expireDueOrders(ctx);
        if (expired > 0) ctx.log.info("orders expired", { count: expired });
        return { mayBeMore };
      });
    },
  },
  "carts.expire": {
    async alone(ctx, _, signal) {
      await inBatches(signal, async () => {
        const { expired, mayBeMore } = await expireDueCarts(ctx);
        if (expired > 0) ctx.log.info("carts expired", { count: expired });
        return { mayBeMore };
      });
    },
  },
  "quotes.expire": {
    async alone(ctx, _, signal) {
      await inBatches(signal, () => expireDueQuotes(ctx));
    },
  },
  "payments.settle_order": {
    async alone(ctx, { order_id }) {
      await settleMoney(ctx, order_id);
    },
  },
  "payments.webhook": {
    async alone(ctx, { provider, event_id }, _, isLast) {
      await workOnWebhook(ctx, provider, event_id, isLast);
    },
  },
  "payments.check": {
    async alone(ctx, _, signal) {
      await checkDuePayments(ctx, signal);
    },
  },
  "rewards.settle": {
    async together(tx, ctx, data) {
      await settlePoints(tx, ctx, data);
    },
  },
  "notifications.send": {
    async alone(ctx, data, signal, isLast) {
      await sendNotification(ctx, data, { signal, isLast });
    },
  },
  "webhooks.deliver": {
    async alone(ctx, data, signal) {
      await deliver(ctx, data, signal);
    },
  },
  "events.dispatch": {
    alone(ctx) {
      ctx.bell.ring("waybill_events");
      return Promise.resolve();
    },
  },
  "events.seal": {
    async alone(ctx, _, signal) {
      await inBatches(signal, () => sealLog(ctx));
    },
  },
  "platform.sweep": {
    async alone(ctx, _, signal) {
      const { sql } = ctx;
      const count = await deleteExpiredKeys(sql, signal) + await deleteExpiredTokens(sql, signal) +
        await deleteOldDeliveries(sql, signal) + await deleteExpiredTickets(sql, signal) +
        await deleteOldWebhooks(sql, signal);
      ctx.log.debug("swept", { count });
      await resealSecrets(ctx);
    },
  },
} satisfies { [Name in JobName]: Handler<DataOf<Name>> };

/** Works batch by batch until there is no more, or the job is to end. */
async function inBatches(signal: AbortSignal, work: () => Promise<{ mayBeMore: boolean }>): Promise<void> {
  for (let more = true; more && !signal.aborted;) more = (await work()).mayBeMore;
}
