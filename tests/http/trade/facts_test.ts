import { assert, assertEquals } from "@std/assert";
import { findTradeFacts } from "../../../src/trade/queries.ts";
import { newId } from "../../../src/platform/id.ts";
import { startTestApp, type TestApp } from "../../support/app.ts";
import { addProduct } from "../../support/orders.ts";
import { DayClock, importSchedule, OPTION, putOption, scheduleBody, sendRates } from "./support.ts";

const TODAY = new Date("2026-11-21T23:59:59Z");

const facts = (app: TestApp, ask: Partial<Parameters<typeof findTradeFacts>[1]> = {}) =>
  findTradeFacts(app.deps.sql, { destination: "DE", on: TODAY, currencies: [], products: [], ...ask });

const rate = (hs_prefix: string, ad_valorem: string, origin: string | null = null) => ({
  hs_prefix,
  origin,
  ad_valorem,
  per_kg: 0,
  note: null,
});

Deno.test("Of a destination of which nothing is known there are no facts", async () => {
  await using app = await startTestApp({}, { clock: new DayClock() });
  assertEquals(
    await facts(app, { currencies: ["USD", "EUR"], products: [{ id: newId(), hs_code: "691200" }] }),
    {
      schedule: undefined,
      rates: [],
      hsCodes: {},
      shippingOptions: [],
    },
  );
});

Deno.test("Facts are the schedule in force with the duty rates that can apply, by the destination's own codes", async () => {
  await using app = await startTestApp({}, { clock: new DayClock() });
  const { token } = await app.user("staff");
  const [own, overridden, bare] = [await addProduct(app), await addProduct(app), await addProduct(app)];
  await app.request("PUT", `/v1/trade/hs-codes/DE/${overridden.sku}`, {
    token,
    body: { hs_code: "7013.99.00.10" },
  });
  await app.request("PUT", `/v1/trade/hs-codes/US/${own.sku}`, { token, body: { hs_code: "010121" } });
  const duty_rates = [
    rate("", "0.02"),
    rate("01", "0.9"),
    rate("69", "0.03"),
    rate("6912", "0.05"),
    rate("6912", "0.5", "CN"),
    rate("691200", "0.06"),
    rate("69120023", "0.07"),
    rate("6913", "0.9"),
    rate("7013", "0.11"),
    rate("7013990010", "0.12"),
    rate("8211", "0.9"),
  ];
  await importSchedule(app, token, { effective_from: "2026-11-22", duty_rates: [] });
  await importSchedule(app, token, { effective_from: "2025-01-01", duty_rates: [] });
  const id = await importSchedule(app, token, { effective_from: "2026-11-21", duty_rates });
  await importSchedule(app, token, { destination: "US", effective_from: "2026-11-21", duty_rates });

  const found = await facts(app, {
    products: [
      { id: own.id, hs_code: "691200" },
      { id: overridden.id, hs_code: "821191" },
      { id: bare.id, hs_code: null },
    ],
  });
  const { schedule, hsCodes } = found;
  assertEquals([schedule!.id, schedule!.destination, schedule!.effective_from], [id, "DE", "2026-11-21"]);
  const { destination: _, effective_from: __, source, duty_rates: ___, ...rules } = scheduleBody();
  assertEquals(schedule!.source, source);
  assertEquals(schedule!.rules, {
    ...rules,
    duty: { ...rules.duty, low_value: null },
    tax: {
      ...rules.tax,
      seller_base: null,
      rates: [{ hs_prefix: "", category: null, rate: "0.19", note: null }],
    },
  } as never);
  assertEquals(schedule!.duty_rates, [
    rate("", "0.02"),
    rate("69", "0.03"),
    rate("6912", "0.05"),
    rate("6912", "0.5", "CN"),
    rate("691200", "0.06"),
    rate("7013", "0.11"),
    rate("7013990010", "0.12"),
  ]);
  assertEquals(hsCodes, { [overridden.id]: "7013990010" });
  const none = await facts(app, { products: [{ id: bare.id, hs_code: null }] });
  assertEquals(none.schedule!.duty_rates, [rate("", "0.02")]);
  const yesterday = await facts(app, { on: new Date("2026-11-20T23:59:59Z") });
  assertEquals(yesterday.schedule!.effective_from, "2025-01-01");
});

Deno.test("A schedule that was written before there were flat duties has none", async () => {
  await using app = await startTestApp({}, { clock: new DayClock() });
  const { token } = await app.user("staff");
  await importSchedule(app, token, { effective_from: "2026-01-01" });
  await app.deps.sql`
    insert into trade_schedules (id, destination, effective_from, rules, source, actor, created_at)
    select gen_random_uuid(), destination, '2026-01-02', rules #- '{duty,low_value}' #- '{tax,seller_base}', source, actor,
           created_at
    from trade_schedules`;
  const { schedule } = await facts(app, {});
  assertEquals([schedule!.rules.duty.low_value, schedule!.rules.tax.seller_base], [null, null]);
});

Deno.test("Rates are those asked for, the schedule's and the options', each the newest on or before the day", async () => {
  await using app = await startTestApp({}, { clock: new DayClock() });
  const { token } = await app.user("staff");
  await sendRates(
    app,
    token,
    "Date,USD,JPY,GBP,CHF,SEK\n2026-11-22,9,9,9,9,9\n2026-11-19,1.1000,180,0.8,0.9,11\n",
  );
  await sendRates(app, token, "Date,USD\n2026-11-19,1.20\n", { query: "?source=Corrected" });
  await importSchedule(app, token, { currency: "CHF" });
  await putOption(app, token, "parcel", { currency: "GBP" });
  await putOption(app, token, "boat", { currency: "SEK", countries: ["FR"] });
  const { rates, shippingOptions } = await facts(app, { currencies: ["USD", "EUR", "USD", "KRW"] });
  assertEquals(rates, [
    { currency: "CHF", rate: "0.9", as_of: "2026-11-19", source: "ECB" },
    { currency: "GBP", rate: "0.8", as_of: "2026-11-19", source: "ECB" },
    { currency: "USD", rate: "1.2", as_of: "2026-11-19", source: "Corrected" },
  ]);
  assertEquals(shippingOptions, [{ code: "parcel", ...OPTION, currency: "GBP" }]);
  await app.request("DELETE", "/v1/shipping-options/parcel", { token });
  const later = await facts(app, { on: new Date("2026-11-22T00:00:00Z") });
  assertEquals(later.shippingOptions, []);
  assertEquals(later.rates.map(({ currency, rate }) => `${currency} ${rate}`), ["CHF 9"]);
});

Deno.test("Facts are looked up by index: of 20,000 duty rates and 9,000 days of rates a few are read", async () => {
  // One connection: what it looked at can be had from the statistics at once.
  await using app = await startTestApp({ DATABASE_POOL_SIZE: "1" }, { clock: new DayClock() });
  const { token } = await app.user("staff");
  const { sql } = app.deps;
  const duty_rates = Array.from({ length: 20_000 }, (_, i) => ({
    hs_prefix: String(10_000_000 + i * 37),
    ad_valorem: "0.1",
  }));
  for (const destination of ["DE", "US"]) await importSchedule(app, token, { destination, duty_rates });
  await sql`
    insert into exchange_rates (currency, as_of, rate, source, actor, recorded_at)
    select c, date '2026-11-21' - n, 1 + n / 10000.0, 'ECB', 'system:test', now()
    from generate_series(0, 8999) n, unnest(array['USD', 'JPY', 'GBP']) c`;
  const products = Array.from({ length: 20 }, (_, i) => ({
    id: newId(),
    hs_code: duty_rates[i * 900]!.hs_prefix,
  }));
  const before = await entriesRead(app);
  const found = await facts(app, { currencies: ["USD", "JPY", "GBP"], products });
  const read = await entriesRead(app) - before;
  assertEquals([found.schedule!.duty_rates.length, found.rates.length], [20, 3]);
  assert(read >= 24 && read < 200, `${read} index entries were read`);
});

/** How many rows and index entries of trade's tables were looked at so far. */
async function entriesRead({ deps: { sql } }: TestApp): Promise<number> {
  await sql`select pg_stat_force_next_flush()`;
  const [row] = await sql<{ read: number }[]>`
    select (select sum(coalesce(seq_tup_read, 0)) from pg_stat_user_tables
            where relname in ('trade_schedules', 'duty_rates', 'exchange_rates'))::int +
           (select sum(idx_tup_read) from pg_stat_user_indexes
            where relname in ('trade_schedules', 'duty_rates', 'exchange_rates'))::int as read`;
  return row!.read;
}
