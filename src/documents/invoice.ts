import type { Config } from "../config.ts";
import type { Consignee } from "../consignees/mod.ts";
import type { Order, OrderItem, Parcel, RefundParts, Shipment } from "../orders/mod.ts";
import { cancelledParts, sentParts } from "../payments/mod.ts";
import { AppError, type FieldError } from "../platform/errors.ts";
import { decimalOf, formatAmount } from "../platform/money.ts";
import { EU_TERRITORY } from "../trade/mod.ts";

/** A commercial invoice as it is printed: every number is text already. */
export interface Invoice {
  number: string;
  /** Of the invoice, which is the day of the order, or on which the parcel left. */
  date: string;
  /** When the order last changed, or the parcel left. */
  changedAt: string;
  currency: string;
  /** Incoterms 2020 with the named place; undefined where nothing was agreed. */
  terms?: string;
  dispatchedFrom: string;
  destination: string;
  seller: { name: string; lines: string[]; taxId?: string };
  /** Where the goods go. */
  shipTo: { name: string; lines: string[] };
  /** As customs want to know whoever receives them. */
  consignee?: Consignee;
  /** Is the consignee masked, as on the customer's copy? */
  isCovered: boolean;
  lines: InvoiceLine[];
  totals: { label: string; amount: string }[];
  /** With its currency. */
  total: string;
  units: string;
  /** In kilograms; undefined where a line's weight is not known. */
  netWeight?: string;
}

export interface InvoiceLine {
  line: string;
  sku: string;
  description: string;
  hsCode: string;
  origin: string;
  quantity: string;
  /** Of one unit, in kilograms. */
  netWeight: string;
  unitValue: string;
  lineValue: string;
}

/** What an order's line must have to cross a border, and how it is called. */
const NEEDED = {
  hs_code: "HS code",
  country_of_origin: "country of origin",
  weight_grams: "weight",
} as const satisfies Partial<Record<keyof OrderItem, string>>;
const UNKNOWN = "–";

const countries = new Intl.DisplayNames(["en"], { type: "region" });

/**
 * The commercial invoice of an order. Holds what customs expect of one: seller and who receives the goods, number and
 * date, currency, terms of delivery, and for each line description, HS code, origin, quantity, weight and value. Units
 * that were refunded before they left are not on it, nor their duty and tax: customs would look for them.
 *
 * @see European Commission, Access2Markets, "Documents for customs clearance: commercial invoice"; UNECE
 *   Recommendation 6, "Aligned invoice layout key for international trade"; Universal Postal Union, CN 23, notes on
 *   completion
 * @throws document_incomplete for an order that sends nothing, and with everything that is missing where the goods leave
 *   the country that they are sent from, other than within the EU
 */
export function draftInvoice(
  { seller, shipFromCountry }: Pick<Config, "seller" | "shipFromCountry">,
  order: Order,
  consignee?: Consignee & { isCovered: boolean },
): Invoice {
  refuseIncomplete({ seller, shipFromCountry }, order);
  const { ship_to, currency } = order;
  const amount = (minor: number) => decimalOf(minor, currency);
  const destination = countryName(ship_to.country);
  const items = order.items.map(asSent).filter(({ quantity }) => quantity > 0);
  const dropped = order.items.map(cancelledParts);
  const left = (whole: number, ...parts: (keyof RefundParts)[]) =>
    parts.reduce((sum, part) => sum - dropped.reduce((taken, each) => taken + each[part], 0), whole);
  const weights = items.map(({ weight_grams, quantity }) =>
    weight_grams === null ? undefined : weight_grams * quantity
  );
  const place = `${ship_to.city}, ${destination}`;
  return {
    number: order.number,
    date: order.placed_at.slice(0, 10),
    changedAt: order.updated_at,
    currency,
    terms: order.incoterm ? `${order.incoterm} ${place} (Incoterms 2020)` : undefined,
    dispatchedFrom: countryName(shipFromCountry),
    destination,
    seller: { name: seller.name ?? UNKNOWN, lines: seller.addressLines, taxId: seller.taxId },
    shipTo: {
      name: ship_to.name,
      lines: [
        ...ship_to.lines,
        [ship_to.postal_code, ship_to.city, ship_to.region].filter(Boolean).join(" "),
        `${destination} (${ship_to.country})`,
        ...ship_to.phone ? [`Phone ${ship_to.phone}`] : [],
      ],
    },
    consignee,
    isCovered: consignee?.isCovered ?? false,
    lines: items.map((item) => ({
      line: String(item.line),
      sku: item.sku,
      description: describe(item, currency),
      hsCode: item.hs_code ?? UNKNOWN,
      origin: item.country_of_origin ?? UNKNOWN,
      quantity: String(item.quantity),
      netWeight: item.weight_grams === null ? UNKNOWN : kilograms(item.weight_grams),
      unitValue: amount(item.unit_price),
      lineValue: amount(item.line_total),
    })),
    totals: [
      { label: "Subtotal, goods", amount: amount(left(order.subtotal, "goods")) },
      { label: "Shipping", amount: amount(order.shipping_total) },
      { label: "Duty", amount: amount(left(order.duty_total, "duty")) },
      { label: "Tax", amount: amount(left(order.tax_total, "tax")) },
    ],
    total: formatAmount(left(order.total_price, "goods", "duty", "tax"), currency),
    units: String(items.reduce((sum, { quantity }) => sum + quantity, 0)),
    netWeight: weights.includes(undefined)
      ? undefined
      : kilograms(weights.reduce<number>((sum, grams) => sum + grams!, 0)),
  };
}

/**
 * What is in one parcel of an order, as an order of that alone: as its paper, of a number and a date of its own, declares it.
 */
export function orderInParcel(order: Order, { shipped_at }: Shipment, { number, items }: Parcel): Order {
  const inside = order.items.flatMap((item) => {
    const units = items.find(({ line }) => line === item.line);
    return units ? [{ item, quantity: units.quantity, parts: sentParts(item, units) }] : [];
  });
  const sum = (...parts: (keyof RefundParts)[]) =>
    inside.reduce((sum, each) => parts.reduce((sum, part) => sum + each.parts[part], sum), 0);
  return {
    ...order,
    number: `${order.number}-${number}`,
    items: inside.map(({ item, quantity, parts }) => ({
      ...item,
      quantity,
      cancelled: 0,
      line_total: parts.goods,
      shipping_amount: parts.shipping,
      duty_amount: parts.duty,
      tax_amount: parts.tax,
    })),
    subtotal: sum("goods"),
    shipping_total: sum("shipping"),
    duty_total: sum("duty"),
    tax_total: sum("tax"),
    total_price: sum("goods", "shipping", "duty", "tax"),
    placed_at: shipped_at,
    updated_at: shipped_at,
  };
}

/** What it is, and why its value is less than its units': customs are told of discounts. */
function describe({ name, unit_price, quantity, line_total }: OrderItem, currency: string): string {
  const discount = unit_price * quantity - line_total;
  return discount === 0 ? name : `${name}, less a discount of ${formatAmount(discount, currency)}`;
}

/** A line with the units that are sent, which may be none. */
function asSent(item: OrderItem): OrderItem {
  const quantity = item.quantity - item.cancelled;
  return { ...item, quantity, line_total: item.line_total - cancelledParts(item).goods };
}

/** No wrong paper leaves the house: what customs would stop the goods for is refused here, all of it at once. */
function refuseIncomplete(
  { seller, shipFromCountry }: Pick<Config, "seller" | "shipFromCountry">,
  order: Order,
): void {
  const missing: FieldError[] = [];
  if (order.status === "CANCELLED" || order.status === "EXPIRED") {
    missing.push({
      pointer: "/status",
      code: "not_sold",
      message: `An order that is ${order.status} sends nothing.`,
    });
  } else if (order.items.every(({ quantity, cancelled }) => quantity === cancelled)) {
    missing.push({
      pointer: "/items",
      code: "not_sold",
      message: "All of it was refunded before it left: nothing is sent.",
    });
  }
  const { country } = order.ship_to;
  const isExport = country !== shipFromCountry &&
    !(EU_TERRITORY.has(country) && EU_TERRITORY.has(shipFromCountry));
  if (isExport) {
    if (!seller.name) missing.push(absent("/seller/name", "The seller has no name here: set SELLER_NAME."));
    if (seller.addressLines.length === 0) {
      missing.push(absent("/seller/address", "The seller has no address here: set SELLER_ADDRESS."));
    }
    order.items.forEach((item) => {
      if (item.quantity === item.cancelled) return;
      for (const [field, what] of Object.entries(NEEDED)) {
        if (item[field as keyof typeof NEEDED] !== null) continue;
        missing.push({
          ...absent(`/items/${item.line - 1}/${field}`, `${item.sku} was ordered while it had no ${what}.`),
          sku: item.sku,
        });
      }
    });
  }
  if (missing.length === 0) return;
  throw new AppError("document_incomplete", `There can be no commercial invoice: ${missing[0]!.message}`, {
    errors: missing,
  });
}

function absent(pointer: string, message: string): FieldError {
  return { pointer, code: "missing", message };
}

function countryName(code: string): string {
  return countries.of(code) ?? code;
}

/** 350 → "0.350". */
function kilograms(grams: number): string {
  const digits = String(grams).padStart(4, "0");
  return `${digits.slice(0, -3)}.${digits.slice(-3)}`;
}
