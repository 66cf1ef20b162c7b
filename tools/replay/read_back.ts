import type { Order, Waybill } from "../../sdk/mod.ts";
import type { Plan } from "./plan.ts";
import { referenceOf } from "./play.ts";
import { must } from "./session.ts";
import { CountryTable, type CountryTotals } from "./table.ts";

const PAGE_SIZE = 100;

/** The table by country as the API has it: every order of the plan, as listed. */
export async function readBack(waybill: Waybill, plan: Plan): Promise<CountryTotals[]> {
  const times = plan.orders.map((order) => Date.parse(order.placedAt));
  const references = new Set(plan.orders.map((order) => referenceOf(order.key)));
  const table = new CountryTable();
  const invoices = new Set<string>();
  for await (const order of listOrders(waybill, Math.min(...times), Math.max(...times))) {
    if (!references.has(order.external_reference ?? "")) continue;
    const totals = table.of(order.ship_to.country);
    const invoice = order.metadata.invoice_no ?? order.id;
    if (!invoices.has(invoice)) totals.invoices++;
    invoices.add(invoice);
    const units = order.items.reduce((sum, item) => sum + item.quantity, 0);
    totals.lines += order.items.length;
    totals.units += units;
    totals.amount += order.total_price;
    if (order.status === "CANCELLED") {
      totals.ordersCancelled++;
      totals.cancelledUnits += units;
      totals.cancelledAmount += order.total_price;
    } else if (order.metadata.cancelled_units !== undefined) {
      totals.ordersPartlyCancelled++;
      totals.cancelledUnits += Number(order.metadata.cancelled_units);
      totals.cancelledAmount += Number(order.metadata.cancelled_amount);
    }
  }
  return table.lines();
}

async function* listOrders(waybill: Waybill, from: number, to: number): AsyncGenerator<Order> {
  let cursor: string | undefined;
  do {
    const page = must(
      "Reading the orders back",
      await waybill.listOrders({
        query: {
          placed_from: new Date(from).toISOString(),
          placed_to: new Date(to + 1).toISOString(),
          sort: "placed_at",
          limit: PAGE_SIZE,
          cursor,
        },
      }),
    );
    yield* page.data;
    cursor = page.next_cursor ?? undefined;
  } while (cursor);
}
