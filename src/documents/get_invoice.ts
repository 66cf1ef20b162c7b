import { createHash } from "node:crypto";
import { type Consignee, findConsignee, openConsignee } from "../consignees/mod.ts";
import {
  getParcel,
  getReadableOrder,
  getShipment,
  type Order,
  unshippedLines,
  withoutUnits,
} from "../orders/mod.ts";
import { type Ctx, isStaff } from "../platform/ctx.ts";
import { AppError } from "../platform/errors.ts";
import { draftInvoice, type Invoice, orderInParcel } from "./invoice.ts";

/** What a commercial invoice of an order says to this caller, and which edition of it that is. */
export interface InvoiceEdition {
  invoice: Invoice;
  /** The order's version, or the shipment's, and what else is on the paper: the consignee, and whether it is covered. */
  tag: string;
}

/**
 * An order's commercial invoice: for staff with the consignee in full, for its owner with name and number masked.
 *
 * @throws not_found, document_incomplete
 */
export async function getInvoice(ctx: Ctx, orderId: string): Promise<InvoiceEdition> {
  return await edit(ctx, withoutUnsent(await getReadableOrder(ctx, orderId)));
}

/** The commercial invoice of what is in one parcel of an order, likewise. @throws not_found, document_incomplete */
export async function getShipmentInvoice(ctx: Ctx, shipmentId: string): Promise<InvoiceEdition> {
  const shipment = await getShipment(ctx, shipmentId);
  if (shipment.status === "cancelled") throw refuseCancelled();
  const [order, parcel] = await Promise.all([
    getReadableOrder(ctx, shipment.order_id),
    getParcel(ctx.sql, shipment),
  ]);
  return await edit(ctx, { ...orderInParcel(order, shipment, parcel), version: shipment.version });
}

/** Nothing is in it, and its units will be on another paper. */
function refuseCancelled(): AppError {
  const message = "A shipment that is cancelled sends nothing.";
  return new AppError("document_incomplete", message, {
    errors: [{ pointer: "/status", code: "not_sent", message, status: "cancelled" }],
  });
}

async function edit(ctx: Ctx, order: Order): Promise<InvoiceEdition> {
  const invoice = draftInvoice(ctx.config, order, await consigneeFor(ctx, order.id));
  const fingerprint = createHash("sha256").update(JSON.stringify(invoice)).digest("hex").slice(0, 16);
  return { invoice, tag: `"${order.version}-${fingerprint}"` };
}

/** The order without what will never leave: of one that is REFUNDED all that has not, whether units were named or money alone. */
function withoutUnsent(order: Order): Order {
  return order.status === "REFUNDED" ? { ...order, ...withoutUnits(order, unshippedLines(order)) } : order;
}

async function consigneeFor(
  ctx: Ctx,
  orderId: string,
): Promise<Consignee & { isCovered: boolean } | undefined> {
  const stored = await findConsignee(ctx.sql, orderId);
  if (!stored) return undefined;
  if (isStaff(ctx.actor)) {
    return { ...await openConsignee(ctx.config.consigneeKeys, stored), isCovered: false };
  }
  const { masked_name, masked_id, id_type } = stored;
  return { name: masked_name, id_type, id_number: masked_id, isCovered: true };
}
