import { assertEquals } from "@std/assert";
import type { Answer, TestApp } from "../../support/app.ts";
import { TestClock } from "../../support/clock.ts";

/** A clock that stands at a day's noon until it is set to another. */
export class DayClock extends TestClock {
  constructor(day = "2026-11-21") {
    super(`${day}T12:00:00Z`);
  }

  override set(day: string): void {
    super.set(`${day}T12:00:00Z`);
  }
}

/** Sends a file of rates, whatever comes of it. */
export function sendRates(
  app: TestApp,
  token: string | undefined,
  text: string,
  { type = "text/csv", query = "" } = {},
): Promise<Answer> {
  return app.request("POST", `/v1/trade/exchange-rates${query}`, {
    token,
    body: text,
    headers: { "Content-Type": type },
  });
}

/** A schedule of little law, with whatever is said otherwise. */
export function scheduleBody(more: Record<string, unknown> = {}) {
  return {
    destination: "DE",
    effective_from: "2026-01-01",
    source: "https://example.com/law",
    currency: "EUR",
    customs_territory: "EU",
    duty: { valuation: "cif", de_minimis: { amount: 15000, basis: "goods" } },
    tax: {
      name: "VAT",
      rates: [{ rate: "0.19" }],
      base: ["goods", "shipping", "duty"],
      de_minimis: null,
      collected_by_seller_up_to: { amount: 15000, basis: "goods" },
      scheme: "IOSS",
    },
    restrictions: [],
    consignee_id: null,
    duty_rates: [{ hs_prefix: "", ad_valorem: "0.02" }],
    ...more,
  };
}

export function sendSchedule(
  app: TestApp,
  token: string | undefined,
  more: Record<string, unknown> = {},
  key?: string,
): Promise<Answer> {
  return app.request("POST", "/v1/trade/schedules", {
    token,
    body: scheduleBody(more),
    headers: key === undefined ? {} : { "Idempotency-Key": key },
  });
}

/** Imports a schedule and gives its id. */
export async function importSchedule(
  app: TestApp,
  token: string,
  more: Record<string, unknown> = {},
): Promise<string> {
  const { status, body } = await sendSchedule(app, token, more);
  assertEquals(status, 201, JSON.stringify(body));
  return body.id;
}

export const OPTION = {
  name: "Parcel, tracked",
  carrier: "DHL",
  countries: ["AT", "DE"],
  currency: "EUR",
  bands: [{ up_to_grams: 1000, price: 590 }, { up_to_grams: 5000, price: 890 }],
  free_from: 5000,
  min_days: 2,
  max_days: 4,
};

export function putOption(
  app: TestApp,
  token: string | undefined,
  code: string,
  more: Record<string, unknown> = {},
  ifMatch?: string,
): Promise<Answer> {
  return app.request("PUT", `/v1/shipping-options/${code}`, {
    token,
    body: { ...OPTION, ...more },
    headers: ifMatch === undefined ? {} : { "If-Match": ifMatch },
  });
}

/** Asserts a 422 and gives what is wrong, as `pointer message`. */
export function faultsOf({ status, body }: Answer): string[] {
  assertEquals([status, body.code], [422, "invalid_request"], JSON.stringify(body));
  return body.errors.map(({ pointer, message }: Record<string, string>) => `${pointer} ${message}`);
}
