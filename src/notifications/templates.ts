import { html } from "hono/html";
import type { Order, Shipment } from "../orders/mod.ts";
import type { Refund } from "../payments/mod.ts";
import { currencyDigits, decimalOf } from "../platform/money.ts";
import type { OrderTemplate } from "./notification.ts";

export interface Mail {
  subject: string;
  /** Plain text: paragraphs between empty lines. */
  body: string;
}

/** Hebrew, Arabic and what else is written so, and the marks that turn text round. */
const RIGHT_TO_LEFT =
  /[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc\u{10800}-\u{10fff}\u{1e800}-\u{1efff}]|\p{Bidi_Control}/u;

type Words = { subject: (number: string) => string; opening: (number: string) => string };
const WORDS: Record<OrderTemplate, Words> = {
  order_confirmed: {
    subject: (number) => `We have your order ${number}`,
    opening: (number) => `Thank you for your order ${number}. This is what you ordered:`,
  },
  order_expired: {
    subject: (number) => `Order ${number} has expired`,
    opening: (number) =>
      `Your order ${number} was not paid in time, so it has expired. Nothing will be sent. It was:`,
  },
  order_cancelled: {
    subject: (number) => `Order ${number} is cancelled`,
    opening: (number) => `Your order ${number} is cancelled. Nothing will be sent. It was:`,
  },
};

/** Of an order that goes DAP: its total is not all that the goods will cost (Incoterms 2020). */
const DUE_AT_THE_DOOR = "Duty and tax of import that are not in this total are to be paid on delivery.";

/** What a mail about an order says. Names keep to their line, whatever they hold. */
export function renderMail(template: OrderTemplate, order: Order): Mail {
  const { number, items, currency, ship_to } = order;
  const lines = items.map(({ name, quantity, line_total, discount_amount }) =>
    `${quantity} × ${isolated(oneLine(name))}: ${formatMoney(line_total + discount_amount, currency)}`
  );
  const parts: [label: string, amount: number][] = [
    [`Coupon ${order.coupon_code}`, -order.discount_total],
    ["Shipping", order.shipping_total],
    ["Duty", order.duty_total],
    ["Tax", order.tax_total],
  ];
  const sums = [...parts.filter(([, amount]) => amount !== 0), ["Total", order.total_price] as const];
  const paragraphs = [
    [WORDS[template].opening(number)],
    lines,
    sums.map(([label, amount]) => `${label}: ${formatMoney(amount, currency)}`),
    ...order.incoterm === "DAP" && template === "order_confirmed" ? [[DUE_AT_THE_DOOR]] : [],
    ...template === "order_confirmed" ? [["It goes to:", ...addressLines(ship_to)]] : [],
  ];
  return toMail(WORDS[template].subject(number), paragraphs);
}

/** What left, how it travels and where to. */
export function renderShipment({ number, items, ship_to }: Order, shipment: Shipment): Mail {
  const { carrier, tracking_number, tracking_url } = shipment;
  const goods = shipment.items.map(({ line, quantity }) =>
    `${quantity} × ${oneLine(items.find((item) => item.line === line)!.name)}`
  );
  const tracking = [
    carrier === null ? [] : `Carrier: ${oneLine(carrier)}`,
    tracking_number === null ? [] : `Tracking number: ${oneLine(tracking_number)}`,
    tracking_url === null ? [] : `Follow it at ${oneLine(tracking_url)}`,
  ].flat();
  return toMail(`A shipment of order ${number} is on its way`, [
    [`This is on its way to you, of your order ${number}:`],
    goods,
    ...tracking.length > 0 ? [tracking] : [],
    ["It goes to:", ...addressLines(ship_to)],
  ]);
}

/** How much went back, and why; how, only where its provider does it: staff may have given it back in any way. */
export function renderRefund({ number }: Order, { amount, currency, reason, manual }: Refund): Mail {
  return toMail(`A refund for order ${number}`, [
    [`We have refunded ${formatMoney(amount, currency)} of your order ${number}.`],
    [`Reason: ${oneLine(reason)}`],
    ...manual ? [] : [["It goes back the way you paid. Your bank may take some days to show it."]],
  ]);
}

function toMail(subject: string, paragraphs: string[][]): Mail {
  return { subject, body: paragraphs.map((each) => each.join("\n")).join("\n\n") };
}

/** The same mail as HTML, made from its text alone, so that the two never differ. */
export function renderHtml({ subject, body }: Mail): string {
  const paragraphs = body.split("\n\n").map((paragraph) => {
    const [first, ...rest] = paragraph.split("\n");
    return html`
      <p>${first}${rest.map((line) => html`<br>${line}`)}</p>
    `;
  });
  return String(html`
    <!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8">
        <title>${subject}</title>
      </head>
      <body style="font-family: sans-serif; line-height: 1.5">
    ${paragraphs}</body>
    </html>
  `);
}

/** `2998, "EUR"` → `€29.98`: exact for every amount, with as many digits as ISO 4217 gives the currency. */
export function formatMoney(minorUnits: number, currency: string): string {
  const digits = currencyDigits(currency);
  const format = new Intl.NumberFormat("en", {
    style: "currency",
    currency,
    minimumFractionDigits: digits,
    maximumFractionDigits: digits,
  });
  return format.format(decimalOf(minorUnits, currency) as `${number}`); // a number would round large amounts
}

function addressLines({ name, lines, city, postal_code, region, country }: Order["ship_to"]): string[] {
  const place = [postal_code, city, region].filter(Boolean).join(" ");
  const countryName = new Intl.DisplayNames("en", { type: "region" }).of(country) ?? country;
  return [name, ...lines, place, countryName].map(oneLine);
}

/** What is written from right to left would take the amount behind it to its other side: "2 × €29.98" would be read there. */
function isolated(name: string): string {
  return RIGHT_TO_LEFT.test(name) ? `\u2068${name}\u2069` : name;
}

/** A line break in a name would let it write lines, or even headers, of its own; an empty line ends a paragraph. */
function oneLine(text: string): string {
  return text.replace(/[\p{Cc}\p{Zl}\p{Zp}\s]+/gu, " ").trim() || "–";
}
