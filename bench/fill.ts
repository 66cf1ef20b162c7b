/** `deno task bench:fill N`: puts N consistent orders of two lines each into DATABASE_URL's database, in minutes. */

import postgres from "postgres";
import { prepareDatabase } from "../tools/prepare_database.ts";
import { writeCarts } from "./fill/carts.ts";
import { openPromotion, writeCoupons } from "./fill/coupons.ts";
import { createSources, draftBatch } from "./fill/draft.ts";
import { writeOrders } from "./fill/orders.ts";
import { writePayments } from "./fill/payments.ts";
import { openCampaign, writePoints } from "./fill/points.ts";
import { writeReturns } from "./fill/returns.ts";
import { writeStock } from "./fill/stock.ts";
import { fillShop } from "./shop.ts";

const BATCH = 100_000;
const DEFAULT_COUNT = 1_000_000;

/**
 * Adds orders of the last year as if customers had placed them, most of them out of carts and paid at the sandbox, staff
 * had taken the money of the others, and warehouses had sent them and taken some back; and carts that became none. Some had
 * a coupon, and those of the first three months earned points. All of it with its books, its stock and every event, so that
 * `deno task verify` finds nothing to say. The log's readers are put behind it, as if the workers had done their part.
 * Foreign keys are not checked row by row, so this needs a superuser; the data hold them.
 */
export async function fillOrders(
  sql: postgres.Sql,
  count: number,
  say: (line: string) => void,
): Promise<void> {
  await sql.begin(async (tx) => {
    await tx`set local session_replication_role = replica`;
    await tx`set local work_mem = '128MB'`;
    await tx`set local synchronous_commit = off`;
    await createSources(tx);
    await openPromotion(tx);
    await openCampaign(tx);
    for (let done = 0; done < count; done += BATCH) {
      const size = Math.min(BATCH, count - done);
      await draftBatch(tx, count, done, size);
      await writeCarts(tx);
      await writeOrders(tx);
      await writeCoupons(tx);
      await writePayments(tx);
      await writeReturns(tx);
      await writeStock(tx);
      say(`${done + size} of ${count} orders`);
    }
    await writePoints(tx);
    await tx`update log_readers set position = (select max(position) from events)`;
  });
  await sql`
    vacuum (analyze) carts, quotes, orders, order_items, ledger, payments, captures, refunds, sandbox_charges,
      sandbox_operations, payment_webhooks, returns, return_items, shipments, shipment_items, promotions,
      promotion_customers, promotion_redemptions, points_accounts, points_movements, order_points, idempotency_keys,
      events, stock_movements, stock_levels`;
}

if (import.meta.main) {
  const url = Deno.env.get("DATABASE_URL");
  const count = Number(Deno.args[0] ?? DEFAULT_COUNT);
  if (!url || !Number.isSafeInteger(count) || count < 1) {
    console.error("DATABASE_URL=postgres://… deno task bench:fill [how many orders, 1000000]");
    Deno.exit(2);
  }
  await prepareDatabase(url);
  const sql = postgres(url, { max: 1, onnotice: () => {} });
  const [shop] = await sql`select from products where sku like 'BENCH-%' limit 1`;
  if (!shop) await fillShop(sql);
  const start = performance.now();
  await fillOrders(sql, count, console.log);
  console.log(`${count} orders in ${Math.round((performance.now() - start) / 1000)} s`);
  await sql.end();
}
