import { html } from "hono/html";
import { formatAmount } from "../../platform/money.ts";
import type { SandboxAction } from "../providers/sandbox.ts";

/** Nothing is loaded and no script runs. A browser also holds `form-action` against where a form is redirected to. */
export function contentSecurityPolicy(returnUrl: string | null): string {
  const origin = returnUrl === null ? "" : new URL(returnUrl).origin;
  // A host may hold what ends a directive; nobody has such a host.
  const targets = /[;,]/.test(origin) ? "'self'" : `'self' ${origin}`.trim();
  return [
    "default-src 'none'",
    "base-uri 'none'",
    `form-action ${targets}`,
    "frame-ancestors 'none'",
  ].join("; ");
}

/** What the customer's bank would show: how much, and whether they want it. */
export function actionPage({ reference, status, amount, currency }: SandboxAction) {
  if (status !== "requires_action") {
    return page(`This payment of ${formatAmount(amount, currency)} is ${status} already.`);
  }
  const button = (outcome: string, label: string) =>
    html`
      <form method="post" action="/sandbox/3ds/${reference}">
        <button name="outcome" value="${outcome}">${label}</button>
      </form>
    `;
  return page(
    `Pay ${formatAmount(amount, currency)}? No money is moved.`,
    html`${button("success", "Pay")} ${button("fail", "Refuse")}`,
  );
}

/** For a payment that came without an address to return to. */
export function donePage({ status, amount, currency }: SandboxAction) {
  return page(`The payment of ${formatAmount(amount, currency)} is ${status}. You can close this page.`);
}

function page(text: string, more: unknown = "") {
  return html`
    <!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8">
        <meta name="viewport" content="width=device-width, initial-scale=1">
        <title>Waybill sandbox bank</title>
      </head>
      <body>
        <h1>Sandbox bank</h1>
        <p>${text}</p>
        ${more}
      </body>
    </html>
  `;
}
