import pMap from "p-map";
import type { Waybill } from "../../sdk/mod.ts";
import { cancellationMetadata, type PlannedCancellation } from "./cancellations.ts";
import type { PlannedOrder } from "./orders.ts";
import type { Plan, PlannedCustomer, PlannedProduct } from "./plan.ts";
import { must, refusedFor, ReplayError } from "./session.ts";

const CURRENCY = "GBP";
/** Orders of this data set by their names in it, in any file of it. */
export const referenceOf = (key: string) => `online-retail:${key}`;

/** How much of a kind was new, and how much was there already. */
export interface Count {
  created: number;
  unchanged: number;
}

/** What playing a plan did. */
export interface Played {
  products: Count;
  stock: Count;
  customers: Count;
  orders: Count;
  cancellations: Count;
  /** How long placing the orders took, in seconds. */
  placingSeconds: number;
}

export interface PlayOptions {
  /** Names the file by its content: what was booked for it once is not booked again. */
  fileId: string;
  /** How many calls are under way at once. */
  concurrency: number;
  /** Told of each phase as it begins, and of each step in it. */
  progress: { begin(phase: string, total: number): void; step(): void };
}

/** Plays a plan through the public API. What is there already stays as it is. @throws ReplayError */
export async function play(waybill: Waybill, plan: Plan, options: PlayOptions): Promise<Played> {
  const each = async <T>(phase: string, items: T[], work: (item: T) => Promise<boolean>): Promise<Count> => {
    options.progress.begin(phase, items.length);
    let created = 0;
    await pMap(items, async (item) => {
      if (await work(item)) created++;
      options.progress.step();
    }, { concurrency: options.concurrency });
    return { created, unchanged: items.length - created };
  };
  const products = await importCatalogue(waybill, plan.products);
  const stock = await each(
    "stock",
    plan.products,
    (product) => bookOpeningStock(waybill, product, options.fileId),
  );
  const userIds = new Map<string, string>();
  const customers = await each("customers", plan.customers, async (customer) => {
    const { id, created } = await findOrCreateUser(waybill, customer);
    userIds.set(customer.email, id);
    return created;
  });
  const orderIds = new Map<string, string>();
  const start = performance.now();
  const orders = await each("orders", plan.orders, async (order) => {
    const { id, created } = await placeOnce(waybill, order, userIds.get(order.email)!, options.fileId);
    orderIds.set(order.key, id);
    return created;
  });
  const placingSeconds = (performance.now() - start) / 1000;
  const cancellations = await each(
    "cancellations",
    plan.cancellations,
    (cancellation) => cancel(waybill, cancellation, orderIds.get(cancellation.orderKey)!),
  );
  return { products, stock, customers, orders, cancellations, placingSeconds };
}

async function importCatalogue(waybill: Waybill, products: PlannedProduct[]): Promise<Count> {
  const lines = products.map(({ sku, name, category, price }) =>
    JSON.stringify({ sku, name, category, prices: [{ currency: CURRENCY, amount: price }] })
  );
  const report = must("Importing the products", await waybill.importProducts({ body: lines.join("\n") }));
  if (report.failed > 0) {
    throw new ReplayError(
      `Importing the products: ${report.failed} failed: ${JSON.stringify(report.errors[0])}`,
    );
  }
  return { created: report.created + report.updated, unchanged: report.unchanged };
}

async function bookOpeningStock(waybill: Waybill, product: PlannedProduct, fileId: string): Promise<boolean> {
  const answer = await waybill.adjustStock({
    path: { sku: product.sku },
    body: {
      delta: product.openingStock,
      kind: "receipt",
      reason: "Opening stock of a replayed file",
      reference: `online-retail:${fileId}`,
    },
    headers: { "Idempotency-Key": `replay-${fileId}-${product.sku}` },
  });
  if (refusedFor(answer, "reference_taken")) return false;
  must(`Booking the stock of ${product.sku}`, answer);
  return answer.response?.headers.get("Idempotency-Replayed") !== "true";
}

async function findOrCreateUser(
  waybill: Waybill,
  customer: PlannedCustomer,
): Promise<{ id: string; created: boolean }> {
  const answer = await waybill.createUser({ body: customer });
  if (!refusedFor(answer, "email_taken")) {
    return { id: must(`Making the account of ${customer.email}`, answer).id, created: true };
  }
  const found = must(
    `Finding ${customer.email}`,
    await waybill.listUsers({ query: { email: customer.email, guest: "false" } }),
  );
  return { id: found.data[0]!.id, created: false };
}

async function placeOnce(
  waybill: Waybill,
  order: PlannedOrder,
  userId: string,
  fileId: string,
): Promise<{ id: string; created: boolean }> {
  const answer = await waybill.placeOrder({
    body: {
      user_id: userId,
      items: order.lines.map(({ sku, units, unitPrice }) => ({
        sku,
        quantity: units,
        unit_price: unitPrice,
      })),
      currency: CURRENCY,
      // The data set has no addresses but the country.
      ship_to: { name: order.email, lines: ["Unknown street"], city: "Unknown city", country: order.country },
      metadata: { invoice_no: order.invoiceNo },
      placed_at: order.placedAt,
      external_reference: referenceOf(order.key),
    },
    headers: { "Idempotency-Key": `replay-${fileId}-${order.key}` },
  });
  const taken = refusedFor(answer, "reference_taken")?.errors?.[0]?.order_id;
  if (typeof taken === "string") return { id: taken, created: false };
  const { id } = must(`Placing invoice ${order.key}`, answer);
  return { id, created: answer.response?.headers.get("Idempotency-Replayed") !== "true" };
}

/** The API cancels whole orders; what was cancelled of one in part is written into its metadata. */
async function cancel(waybill: Waybill, cancellation: PlannedCancellation, id: string): Promise<boolean> {
  const doing = `Cancelling ${
    cancellation.extent === "whole" ? "" : "a part of "
  }invoice ${cancellation.orderKey}`;
  const before = must(doing, await waybill.getOrder({ path: { id } }));
  const after = cancellation.extent === "whole"
    ? must(doing, await waybill.cancelOrder({ path: { id }, body: { reason: "Credit note" } }))
    : must(
      doing,
      await waybill.changeOrder({ path: { id }, body: { metadata: cancellationMetadata(cancellation) } }),
    );
  return after.version > before.version;
}
