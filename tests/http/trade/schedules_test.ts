import { assert, assertEquals, assertRejects } from "@std/assert";
import { newId } from "../../../src/platform/id.ts";
import { findTradeFacts } from "../../../src/trade/queries.ts";
import { addExport, lawOf, openBorders, quoted } from "../../support/checkout.ts";
import { startTestApp, type TestApp } from "../../support/app.ts";
import { eventsOf } from "../../support/orders.ts";
import { DayClock, faultsOf, importSchedule, scheduleBody, sendSchedule } from "./support.ts";

const inForce = async (app: TestApp, token: string, query = ""): Promise<string[]> => {
  const { status, body } = await app.request("GET", `/v1/trade/schedules${query}`, { token });
  assertEquals(status, 200);
  return body.data.map(({ id }: { id: string }) => id);
};

Deno.test("A schedule is written down whole and read back as it was sent", async () => {
  await using app = await startTestApp({}, { clock: new DayClock() });
  const { token } = await app.user("staff");
  const duty_rates = [
    { hs_prefix: "6912", ad_valorem: "0.050", per_kg: 12, note: "Ceramics" },
    { hs_prefix: "", ad_valorem: "0.02" },
    { hs_prefix: "6912", origin: "CN", ad_valorem: "0.7" },
  ];
  const restrictions = [{ hs_prefix: "93", verdict: "forbidden", reason: "Arms" }];
  const { status, headers, body } = await sendSchedule(app, token, { duty_rates, restrictions });
  assertEquals(status, 201);
  assertEquals(headers.get("Location"), `/v1/trade/schedules/${body.id}`);
  const { duty_rates: _, ...rules } = scheduleBody();
  const summary = {
    ...rules,
    id: body.id,
    created_at: "2026-11-21T12:00:00.000Z",
    restrictions: [{ ...restrictions[0], category: null }],
    duty: { ...rules.duty, low_value: null },
    tax: {
      ...rules.tax,
      seller_base: null,
      rates: [{ hs_prefix: "", category: null, rate: "0.19", note: null }],
    },
    duty_rate_count: 3,
  };
  assertEquals(body, summary);
  const whole = await app.request("GET", `/v1/trade/schedules/${body.id}`, { token });
  const { duty_rate_count: __, ...kept } = summary;
  assertEquals(whole.body, {
    ...kept,
    duty_rates: [
      { hs_prefix: "", origin: null, ad_valorem: "0.02", per_kg: 0, note: null },
      { hs_prefix: "6912", origin: null, ad_valorem: "0.05", per_kg: 12, note: "Ceramics" },
      { hs_prefix: "6912", origin: "CN", ad_valorem: "0.7", per_kg: 0, note: null },
    ],
  });
  const listed = await app.request("GET", "/v1/trade/schedules", { token });
  assertEquals(listed.body, { data: [summary], next_cursor: null });

  const [event] = await eventsOf(app, "trade_schedule", body.id);
  assertEquals([event!.type, event!.sequence, event!.user_id, event!.data], [
    "trade_schedule.created",
    1,
    null,
    {
      id: body.id,
      destination: "DE",
      effective_from: "2026-01-01",
      source: rules.source,
      duty_rate_count: 3,
      created_at: summary.created_at,
    },
  ]);
});

/** The law of the EU since July 2026, as far as it differs from `scheduleBody`. */
const FLAT = {
  duty: {
    valuation: "cif",
    de_minimis: null,
    low_value: { up_to: { amount: 15000, basis: "goods" }, per_subheading: 300 },
  },
  tax: { ...scheduleBody().tax, seller_base: ["goods", "shipping"] },
};

Deno.test("A flat duty on consignments of little value is written down and read back, and it is what a quote goes by", async () => {
  await using app = await startTestApp({}, { clock: new DayClock() });
  const { token } = await app.user("staff");
  const id = await importSchedule(app, token, FLAT);
  const { body } = await app.request("GET", `/v1/trade/schedules/${id}`, { token });
  assertEquals([body.duty, body.tax.seller_base], [FLAT.duty, ["goods", "shipping"]]);
  const { schedule } = await findTradeFacts(app.deps.sql, {
    destination: "DE",
    on: new Date("2026-11-21"),
    currencies: [],
    products: [],
  });
  assertEquals([schedule!.rules.duty, schedule!.rules.tax.seller_base], [body.duty, body.tax.seller_base]);
});

Deno.test("A flat duty that contradicts the rest of the law is refused by the field that is wrong", async () => {
  await using app = await startTestApp({}, { clock: new DayClock() });
  const { token } = await app.user("staff");
  const faults = async (more: Record<string, unknown>) => faultsOf(await sendSchedule(app, token, more));
  const de_minimis = { amount: 2200, basis: "goods" };
  assertEquals(await faults({ duty: { ...FLAT.duty, de_minimis } }), [
    "/duty/low_value must be null where there is a de_minimis: consignments of little value bear either no duty " +
    "or a flat one",
  ]);
  assertEquals(await faults({ tax: { ...FLAT.tax, collected_by_seller_up_to: null } }), [
    "/tax/seller_base must be null where the seller collects nothing: collected_by_seller_up_to is null",
  ]);
  const withFlat = (more: Record<string, unknown>) => (
    { duty: { ...FLAT.duty, low_value: { ...FLAT.duty.low_value, ...more } } }
  );
  for (const per_subheading of [0, -300, 2.5, "3.00"]) {
    const [fault, ...others] = await faults(withFlat({ per_subheading }));
    assert(fault!.startsWith("/duty/low_value/per_subheading "), fault);
    assertEquals(others, []);
  }
  assert((await faults(withFlat({ up_to: null })))[0]!.startsWith("/duty/low_value/up_to "));
  assert((await faults({ tax: { ...FLAT.tax, seller_base: [] } }))[0]!.startsWith("/tax/seller_base "));
  assertEquals(await inForce(app, token), []);
});

Deno.test("A schedule that was stored before there were flat duties is read as one without", async () => {
  await using app = await startTestApp({}, { clock: new DayClock() });
  const { token } = await app.user("staff");
  const { destination, effective_from, source, duty_rates: _, ...rules } = scheduleBody();
  const id = newId();
  await app.deps.sql`
    insert into trade_schedules (id, destination, effective_from, rules, source, actor, created_at)
    values (${id}, ${destination}, ${effective_from}::text::date, ${
    app.deps.sql.json(rules)
  }, ${source}, 'test', now())`;
  const duty = { ...rules.duty, low_value: null };
  const { body: whole } = await app.request("GET", `/v1/trade/schedules/${id}`, { token });
  assertEquals([whole.duty, whole.tax.seller_base], [duty, null]);
  const { body: { data: [listed] } } = await app.request("GET", "/v1/trade/schedules", { token });
  assertEquals([listed.id, listed.duty, listed.tax.seller_base], [id, duty, null]);
});

Deno.test("A schedule from tomorrow on is in force tomorrow, and the one before until then", async () => {
  const clock = new DayClock("2026-11-21");
  await using app = await startTestApp({}, { clock });
  const { token } = await app.user("staff");
  assertEquals(await inForce(app, token), []);
  const tomorrow = await importSchedule(app, token, { effective_from: "2026-11-22" });
  assertEquals(await inForce(app, token), []);
  const old = await importSchedule(app, token, { effective_from: "2026-01-01" });
  assertEquals(await inForce(app, token), [old]);
  clock.set("2026-11-22");
  const later = (await app.user("staff")).token;
  assertEquals(await inForce(app, later), [tomorrow]);
  assertEquals(await inForce(app, later, "?on=2026-11-21"), [old]);
  assertEquals(await inForce(app, later, "?on=2025-12-31"), []);
});

Deno.test("Of schedules for one day the last that was written counts", async () => {
  await using app = await startTestApp({}, { clock: new DayClock() });
  const { token } = await app.user("staff");
  await importSchedule(app, token);
  const last = await importSchedule(app, token);
  assertEquals(await inForce(app, token), [last]);
});

Deno.test("Each destination has one line in the list, and pages go through all of them", async () => {
  await using app = await startTestApp({}, { clock: new DayClock() });
  const { token } = await app.user("staff");
  const ids: Record<string, string> = {};
  for (const destination of ["US", "DE", "JP", "CH", "FR"]) {
    await importSchedule(app, token, { destination, effective_from: "2025-01-01" });
    ids[destination] = await importSchedule(app, token, { destination });
  }
  await importSchedule(app, token, { destination: "GB", effective_from: "2027-01-01" });
  assertEquals(await inForce(app, token, "?destination=JP"), [ids.JP!]);
  assertEquals(await inForce(app, token, "?destination=GB"), []);
  const seen: string[] = [];
  let cursor = "";
  do {
    const { body } = await app.request("GET", `/v1/trade/schedules?limit=2${cursor}`, { token });
    seen.push(...body.data.map(({ destination }: { destination: string }) => destination));
    cursor = body.next_cursor && `&cursor=${body.next_cursor}`;
  } while (cursor);
  assertEquals(seen, ["CH", "DE", "FR", "JP", "US"]);
});

Deno.test("A repeated key gets the first schedule again and writes no second", async () => {
  await using app = await startTestApp({}, { clock: new DayClock() });
  const { token } = await app.user("staff");
  const first = await sendSchedule(app, token, {}, "law-1");
  const again = await sendSchedule(app, token, {}, "law-1");
  assertEquals(again.body, first.body);
  assertEquals(again.headers.get("Idempotency-Replayed"), "true");
  assertEquals((await sendSchedule(app, token, { destination: "FR" }, "law-1")).status, 422);
  const [{ count }] = await app.deps.sql`select count(*)::int from trade_schedules` as unknown as [
    { count: number },
  ];
  assertEquals(count, 1);
});

Deno.test("What is wrong with a schedule is said by field, and nothing of it is kept", async () => {
  await using app = await startTestApp({}, { clock: new DayClock() });
  const { token } = await app.user("staff");
  const faults = async (more: Record<string, unknown>) => faultsOf(await sendSchedule(app, token, more));
  assertEquals(
    await faults({
      effective_from: "2036-11-22",
      duty_rates: [
        { hs_prefix: "69" },
        { hs_prefix: "69", origin: "CN" },
        { hs_prefix: "69", ad_valorem: "0.1" },
        { hs_prefix: "69", origin: "CN" },
      ],
    }),
    [
      "/effective_from must be between 2016-11-21 and 2036-11-21",
      "/duty_rates/2/hs_prefix 69 of any origin is at /duty_rates/0 already",
      "/duty_rates/3/hs_prefix 69 of CN is at /duty_rates/1 already",
    ],
  );
  assertEquals(await faults({ effective_from: "2016-11-20" }), [
    "/effective_from must be between 2016-11-21 and 2036-11-21",
  ]);
  assert((await faults({ destination: "XX" }))[0]!.startsWith("/destination "));
  assert((await faults({ duty_rates: [{ hs_prefix: "6" }] }))[0]!.startsWith("/duty_rates/0/hs_prefix "));
  assert((await faults({ duty_rates: [{ hs_prefix: "69", ad_valorem: "12 %" }] }))[0]!.startsWith(
    "/duty_rates/0/ad_valorem ",
  ));
  assert((await faults({ surprise: 1 }))[0]!.startsWith("/surprise "));
  const both = { hs_prefix: "93", category: "arms", verdict: "forbidden", reason: "Arms" };
  assert((await faults({ restrictions: [both] }))[0]!.startsWith("/restrictions/0/hs_prefix "));
  assertEquals(await inForce(app, token), []);
  await importSchedule(app, token, { effective_from: "2016-11-21" });
  await importSchedule(app, token, { effective_from: "2036-11-21" });
});

Deno.test("A schedule of 20,000 duty rates goes in at once and comes back whole", async () => {
  await using app = await startTestApp({}, { clock: new DayClock() });
  const { token } = await app.user("staff");
  const duty_rates = Array.from({ length: 20_000 }, (_, i) => ({
    hs_prefix: String(10_000_000 + i * 37),
    ad_valorem: "0.123",
    note: "A note of a length that such notes have, more or less",
  }));
  const id = await importSchedule(app, token, { duty_rates });
  const { body } = await app.request("GET", `/v1/trade/schedules/${id}`, { token });
  assertEquals(body.duty_rates.length, 20_000);
  assertEquals(body.duty_rates[19_999].hs_prefix, duty_rates[19_999]!.hs_prefix);
});

Deno.test("Schedules are never changed or deleted, whoever asks", async () => {
  await using app = await startTestApp({}, { clock: new DayClock() });
  const { token } = await app.user("staff");
  const id = await importSchedule(app, token);
  const { sql } = app.deps;
  for (
    const attempt of [
      sql`update trade_schedules set destination = 'FR' where id = ${id}`,
      sql`delete from trade_schedules where id = ${id}`,
      sql`update duty_rates set ad_valorem = 0 where schedule_id = ${id}`,
      sql`delete from duty_rates where schedule_id = ${id}`,
    ]
  ) await assertRejects(async () => void await attempt, Error, "never changed or deleted");
});

Deno.test("Of two schedules for a day the one that was written last counts, also where the clock that wrote the first was an hour ahead", async () => {
  await using app = await startTestApp({}, { clock: new DayClock() });
  const { token } = await app.user("staff");
  const now = Date.now;
  Date.now = () => now() + 3_600_000;
  await importSchedule(app, token).finally(() => Date.now = now);
  const corrected = await importSchedule(app, token);
  assertEquals(await inForce(app, token), [corrected]);
  const again = await importSchedule(app, token);
  assertEquals(await inForce(app, token), [again]);
});

Deno.test("A quote goes by the schedule that was written last for the latest day that has begun", async () => {
  await using app = await startTestApp({}, { clock: new DayClock("2026-11-21") });
  await openBorders(app);
  const [user, staff] = [await app.user(), await app.user("staff")];
  const { sku } = await addExport(app, { prices: { EUR: 10_000 } });
  const dutyAfter = async (effective_from: string, ad_valorem: string) => {
    const law = lawOf("GB", { effective_from, duty_rates: [{ hs_prefix: "", ad_valorem }] });
    await importSchedule(app, staff.token, law);
    return (await quoted(app, user, { [sku]: 1 })).quote.duty_total;
  };
  // Of 100.00 and the shipping's 5.00.
  assertEquals(await dutyAfter("2026-11-01", "0.02"), 210);
  assertEquals(await dutyAfter("2026-11-01", "0.03"), 315);
  assertEquals(await dutyAfter("2026-11-22", "0.04"), 315);
  assertEquals(await dutyAfter("2026-10-01", "0.05"), 315);
  assertEquals(await dutyAfter("2026-11-01", "0.06"), 630);
});

Deno.test("The duty rate that applies is that of the longest prefix, and of the origin before any", async () => {
  const clock = new DayClock();
  await using app = await startTestApp({}, { clock });
  const { token } = await app.user("staff");
  const customer = await app.user();
  const rates = (ad_valorem: string) => [
    { hs_prefix: "", ad_valorem },
    { hs_prefix: "69", origin: "CN", ad_valorem: "0.3" },
    { hs_prefix: "6912", ad_valorem: "0.05" },
    { hs_prefix: "6912", origin: "CN", ad_valorem: "0.4" },
    { hs_prefix: "7013", ad_valorem: "0.11" },
  ];
  const id = await importSchedule(app, token, { duty_rates: rates("0.02") });
  await importSchedule(app, token, { duty_rates: rates("0.03"), effective_from: "2026-11-22" });
  const ask = async (query: string) => {
    const answer = await app.request("GET", `/v1/trade/duty-rates?destination=DE&${query}`, {
      token: customer.token,
    });
    assertEquals(answer.status, 200, JSON.stringify(answer.body));
    return answer.body;
  };
  const answer = await ask("hs_code=6912.00.23&origin=PT");
  assertEquals(answer, {
    schedule: {
      id,
      destination: "DE",
      effective_from: "2026-01-01",
      source: "https://example.com/law",
    },
    hs_code: "69120023",
    origin: "PT",
    rate: { hs_prefix: "6912", origin: null, ad_valorem: "0.05", per_kg: 0, note: null },
    reason:
      "It is for goods whose code begins with 6912, of any origin. Of the rates that fit, the longest " +
      "prefix counts; of equal ones, that for the origin before that for any.",
    candidates: [
      { hs_prefix: "", origin: null, ad_valorem: "0.02", per_kg: 0, note: null },
      { hs_prefix: "69", origin: "CN", ad_valorem: "0.3", per_kg: 0, note: null },
      { hs_prefix: "6912", origin: null, ad_valorem: "0.05", per_kg: 0, note: null },
      { hs_prefix: "6912", origin: "CN", ad_valorem: "0.4", per_kg: 0, note: null },
    ],
  });
  assertEquals((await ask("hs_code=691200&origin=CN")).rate.ad_valorem, "0.4");
  assertEquals((await ask("hs_code=691300&origin=CN")).rate.ad_valorem, "0.3");
  assertEquals((await ask("hs_code=691300")).rate.ad_valorem, "0.02");
  assertEquals((await ask("hs_code=691300&on=2026-11-22")).rate.ad_valorem, "0.03");

  await importSchedule(app, token, { destination: "CH", duty_rates: [] });
  const none = await app.request("GET", "/v1/trade/duty-rates?destination=CH&hs_code=691200", { token });
  assertEquals([none.body.rate, none.body.candidates], [null, []]);
  const unknown = await app.request("GET", "/v1/trade/duty-rates?destination=FR&hs_code=691200", { token });
  assertEquals(unknown.status, 404);
  const wrong = await app.request("GET", "/v1/trade/duty-rates?destination=DE&hs_code=69", { token });
  assert(faultsOf(wrong)[0]!.startsWith("query/hs_code must be 6, 8 or 10 digits"));
});

Deno.test("Schedules are for staff; which rate applies, every user may ask", async () => {
  await using app = await startTestApp({}, { clock: new DayClock() });
  const [staff, customer] = [await app.user("staff"), await app.user()];
  const id = await importSchedule(app, staff.token);
  assertEquals((await sendSchedule(app, undefined)).status, 401);
  assertEquals((await sendSchedule(app, customer.token)).status, 403);
  for (const path of ["/v1/trade/schedules", `/v1/trade/schedules/${id}`]) {
    assertEquals((await app.request("GET", path)).status, 401);
    assertEquals((await app.request("GET", path, { token: customer.token })).status, 403);
  }
  assertEquals((await app.request("GET", "/v1/trade/duty-rates?destination=DE&hs_code=691200")).status, 401);
  const missing = `/v1/trade/schedules/${crypto.randomUUID()}`;
  assertEquals((await app.request("GET", missing, { token: staff.token })).status, 404);
});

Deno.test("A law that says two things of the same goods, names no territory, or means 19 % by 19, is refused", async () => {
  await using app = await startTestApp();
  const { token } = await app.user("staff");
  const { tax } = lawOf("FR");
  const send = async (more: object) =>
    (await app.request("POST", "/v1/trade/schedules", { token, body: { ...lawOf("FR"), ...more } })).status;
  const twice = await send({ tax: { ...tax, rates: [{ rate: "0.2" }, { rate: "0.055" }] } });
  const percent = await send({ tax: { ...tax, rates: [{ rate: "19" }] } });
  assertEquals({ twice, percent }, { twice: 422, percent: 422 });
  // Written wrong, or a union whose members are not known: goods from within it would bear duty.
  for (const customs_territory of ["eu", "EUR", "UE", "GCC"]) {
    assertEquals(await send({ customs_territory }), 422, customs_territory);
  }
  for (const customs_territory of ["EU", "FR", "CH"]) {
    assertEquals(await send({ customs_territory }), 201, customs_territory);
  }
});

Deno.test("A day of the year 0, which cannot be kept, is refused by name", async () => {
  await using app = await startTestApp({}, { clock: new DayClock() });
  const { token } = await app.user("staff");
  for (const path of ["schedules?", "exchange-rates?", "duty-rates?destination=DE&hs_code=691200&"]) {
    const { status, body } = await app.request("GET", `/v1/trade/${path}on=0000-01-01`, { token });
    assertEquals([status, body.errors?.[0].pointer], [422, "query/on"], path);
  }
  const { status, body } = await sendSchedule(app, token, { effective_from: "0000-12-31" });
  assertEquals([status, body.errors?.[0].pointer], [422, "/effective_from"]);
});
