import { assert, assertEquals, assertRejects } from "@std/assert";
import { startTestApp, type TestApp } from "../../support/app.ts";
import { untilWaiting } from "../../support/lock_waits.ts";
import { eventsOf } from "../../support/orders.ts";
import { withConnection } from "../../../tools/database_admin.ts";
import { DayClock, faultsOf, sendRates } from "./support.ts";

const DAILY = "Date, USD, JPY, GBP, \n20 November 2026, 1.1578, 180.10, 0.8812, \n";

const ratesOn = async (app: TestApp, token: string, on: string): Promise<Record<string, string>> => {
  const { body } = await app.request("GET", `/v1/trade/exchange-rates?on=${on}`, { token });
  assertEquals([body.base, body.on], ["EUR", on]);
  return Object.fromEntries(
    body.data.map(({ currency, rate }: { currency: string; rate: string }) => [currency, rate]),
  );
};

Deno.test("A file's rates are written down once: the same file again changes nothing", async () => {
  await using app = await startTestApp({}, { clock: new DayClock() });
  const { token } = await app.user("staff");
  const report = {
    source: "ECB",
    imported: 3,
    unchanged: 0,
    skipped: 0,
    skipped_currencies: [],
    first_day: "2026-11-20",
    last_day: "2026-11-20",
  };
  const first = await sendRates(app, token, DAILY);
  assertEquals([first.status, first.body], [200, report]);
  const again = await sendRates(app, token, DAILY);
  assertEquals(again.body, { ...report, imported: 0, unchanged: 3 });

  const [{ count }] = await app.deps.sql`select count(*)::int from exchange_rates` as unknown as [
    { count: number },
  ];
  assertEquals(count, 3);
  const events = await eventsOf(app, "exchange_rates", "ECB");
  assertEquals(events.map(({ type, sequence, user_id, data }) => [type, sequence, user_id, data]), [
    ["exchange_rates.imported", 1, null, report],
  ]);
});

Deno.test("The XML and the CSV of a day say the same, and a source may be named", async () => {
  await using app = await startTestApp({}, { clock: new DayClock() });
  const { token } = await app.user("staff");
  const xml = `<?xml version="1.0" encoding="UTF-8"?>
<gesmes:Envelope xmlns:gesmes="http://www.gesmes.org/xml/2002-08-01" xmlns="http://www.ecb.int/vocabulary/2002-08-01/eurofxref">
  <Cube><Cube time='2026-11-20'><Cube currency='USD' rate='1.1578'/><Cube currency='JPY' rate='180.1'/></Cube></Cube>
</gesmes:Envelope>`;
  const fromXml = await sendRates(app, token, xml, {
    type: "application/xml; charset=utf-8",
    query: "?source=Our%20bank",
  });
  assertEquals([fromXml.body.imported, fromXml.body.source], [2, "Our bank"]);
  const fromCsv = await sendRates(app, token, DAILY);
  assertEquals([fromCsv.body.imported, fromCsv.body.unchanged], [1, 2]);
  const { body } = await app.request("GET", "/v1/trade/exchange-rates", { token });
  assertEquals(
    body.data.map((each: Record<string, string>) => [each.currency, each.rate, each.as_of, each.source]),
    [
      ["GBP", "0.8812", "2026-11-20", "ECB"],
      ["JPY", "180.1", "2026-11-20", "Our bank"],
      ["USD", "1.1578", "2026-11-20", "Our bank"],
    ],
  );
});

Deno.test("The latest rate on or before a day counts, and nothing before the first", async () => {
  const clock = new DayClock();
  await using app = await startTestApp({}, { clock });
  const { token } = await app.user("staff");
  await sendRates(app, token, "Date,USD,JPY\n2026-11-20,1.2,N/A\n2026-11-18,1.1,170\n2026-11-16,1.0,160\n");
  assertEquals(await ratesOn(app, token, "2026-11-15"), {});
  assertEquals(await ratesOn(app, token, "2026-11-17"), { USD: "1", JPY: "160" });
  assertEquals(await ratesOn(app, token, "2026-11-18"), { USD: "1.1", JPY: "170" });
  assertEquals(await ratesOn(app, token, "2026-11-20"), { USD: "1.2", JPY: "170" });
  clock.set("2026-11-19");
  const today = await app.request("GET", "/v1/trade/exchange-rates", { token: (await app.user()).token });
  assertEquals([today.body.on, today.body.data.at(-1).rate], ["2026-11-19", "1.1"]);
});

Deno.test("A correction stands beside what it corrects, and counts; going back is a correction too", async () => {
  await using app = await startTestApp({}, { clock: new DayClock() });
  const { token } = await app.user("staff");
  for (const rate of ["1.1", "1.1000", "1.2", "1.1"]) {
    await sendRates(app, token, `Date,USD\n2026-11-20,${rate}\n2026-11-19,1.05\n`);
  }
  assertEquals(await ratesOn(app, token, "2026-11-20"), { USD: "1.1" });
  const history = await app.request("GET", "/v1/trade/exchange-rates/USD", { token });
  assertEquals(
    history.body.data.map(({ as_of, rate }: Record<string, string>) => `${as_of} ${rate}`),
    ["2026-11-20 1.1", "2026-11-20 1.2", "2026-11-20 1.1", "2026-11-19 1.05"],
  );
  const events = await eventsOf(app, "exchange_rates", "ECB");
  assertEquals(events.map(({ sequence, data }) => [sequence, data.imported]), [[1, 2], [2, 1], [3, 1]]);
});

Deno.test("A currency's history is read page by page, without a gap or a repeat", async () => {
  await using app = await startTestApp({}, { clock: new DayClock() });
  const { token } = await app.user("staff");
  const days = Array.from({ length: 9 }, (_, i) => `2026-11-0${i + 1}`);
  await sendRates(app, token, `Date,USD\n${days.map((day, i) => `${day},1.${i + 1}`).join("\n")}\n`);
  await sendRates(app, token, "Date,USD\n2026-11-05,2\n2026-11-09,3\n");
  const seen: string[] = [];
  let cursor = "";
  for (let pages = 0; pages < 10; pages++) {
    const { body } = await app.request("GET", `/v1/trade/exchange-rates/USD?limit=2${cursor}`, { token });
    seen.push(...body.data.map(({ as_of, rate }: Record<string, string>) => `${as_of!.slice(-1)}:${rate}`));
    if (!body.next_cursor) break;
    cursor = `&cursor=${body.next_cursor}`;
  }
  assertEquals(seen, [
    "9:3",
    "9:1.9",
    "8:1.8",
    "7:1.7",
    "6:1.6",
    "5:2",
    "5:1.5",
    "4:1.4",
    "3:1.3",
    "2:1.2",
    "1:1.1",
  ]);
  const none = await app.request("GET", "/v1/trade/exchange-rates/CHF", { token });
  assertEquals(none.body, { data: [], next_cursor: null });
  assertEquals((await app.request("GET", "/v1/trade/exchange-rates/XYZ", { token })).status, 422);
});

Deno.test("One bad line refuses the whole file, by line and field", async () => {
  await using app = await startTestApp({}, { clock: new DayClock() });
  const { token } = await app.user("staff");
  const answer = await sendRates(app, token, "Date,USD,JPY\n2026-11-20,1.1,170\n2026-11-19,1.1,?\n");
  assertEquals(faultsOf(answer), [
    "/3/JPY JPY must be a decimal number above 0 with at most 8 decimals, such as 1.0874",
  ]);
  assertEquals([answer.body.errors[0].line], [3]);
  assertEquals(await ratesOn(app, token, "2026-11-20"), {});
  assertEquals([...await eventsOf(app, "exchange_rates", "ECB")], []);
});

Deno.test("XML attacks are refused, quickly", async () => {
  await using app = await startTestApp({}, { clock: new DayClock() });
  const { token } = await app.user("staff");
  const laughs = Array.from({ length: 30 }, (_, i) => `<!ENTITY l${i + 1} "${`&l${i};`.repeat(10)}">`);
  const attacks = [
    `<!DOCTYPE a [<!ENTITY l0 "1">${laughs.join("")}]><a>&l30;</a>`,
    `<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><Envelope><Cube><Cube time="2026-11-20"><Cube currency="USD" rate="&x;"/></Cube></Cube></Envelope>`,
  ];
  for (const attack of attacks) {
    const answer = await sendRates(app, token, attack, { type: "application/xml" });
    assertEquals(faultsOf(answer), ["/1 must not declare a document type or entities"]);
  }
});

Deno.test("Rates are never changed or deleted, whoever asks", async () => {
  await using app = await startTestApp({}, { clock: new DayClock() });
  const { token } = await app.user("staff");
  await sendRates(app, token, DAILY);
  const { sql } = app.deps;
  for (
    const attempt of [
      sql`update exchange_rates set rate = 2 where currency = 'USD'`,
      sql`delete from exchange_rates where currency = 'USD'`,
    ]
  ) await assertRejects(async () => void await attempt, Error, "never changed or deleted");
});

Deno.test("Only staff import rates, users read them, and bodies are bounded and of two kinds", async () => {
  await using app = await startTestApp({}, { clock: new DayClock() });
  const [staff, customer] = [await app.user("staff"), await app.user()];
  assertEquals((await sendRates(app, undefined, DAILY)).status, 401);
  assertEquals((await sendRates(app, customer.token, DAILY)).status, 403);
  assertEquals((await sendRates(app, staff.token, "{}", { type: "application/json" })).status, 415);
  assertEquals((await sendRates(app, staff.token, DAILY, { query: "?sauce=x" })).status, 422);
  const big = "Date,USD\n" + "2026-11-20,1.1\n".repeat(300_000);
  assert(big.length > 4 * 1024 * 1024);
  assertEquals((await sendRates(app, staff.token, big)).status, 413);
  for (const path of ["/v1/trade/exchange-rates", "/v1/trade/exchange-rates/USD"]) {
    assertEquals((await app.request("GET", path)).status, 401);
    assertEquals((await app.request("GET", path, { token: customer.token })).status, 200);
  }
  const odd = await app.request("GET", "/v1/trade/exchange-rates?on=2026-02-30", { token: customer.token });
  assertEquals(odd.status, 422);
});

Deno.test("Imports of one file at once write each rate once", async () => {
  await using app = await startTestApp({}, { clock: new DayClock() });
  const { token } = await app.user("staff");
  const answers = await whileEventsWait(app, 4, () => sendRates(app, token, DAILY));
  assertEquals(answers.map(({ status, body }) => [status, body.imported]).sort(), [
    [200, 0],
    [200, 0],
    [200, 0],
    [200, 3],
  ]);
});

/** Makes requests that have all begun, and wait, before any of them can append its event and end. */
async function whileEventsWait<T>(app: TestApp, times: number, request: () => Promise<T>): Promise<T[]> {
  let pending: Promise<T[]> | undefined;
  await withConnection(app.deps.config.databaseUrl, (holder) =>
    holder.begin(async (tx) => {
      await tx`
        insert into events (type, version, aggregate_type, aggregate_id, sequence, actor, data, occurred_at)
        values ('exchange_rates.imported', 1, 'exchange_rates', 'ECB', 1, 'system:test', '{}', now())`;
      pending = Promise.all(Array.from({ length: times }, request));
      await untilWaiting(tx, { count: times });
      throw new Error("undone");
    }).catch((error: Error) => assertEquals(error.message, "undone")));
  return await pending!;
}

Deno.test("A quarter of a century of rates goes in at once", async () => {
  await using app = await startTestApp({}, { clock: new DayClock() });
  const { token } = await app.user("staff");
  const currencies = ["USD", "JPY", "GBP", "CHF", "SEK", "NOK", "DKK", "PLN", "CZK", "HUF"];
  const lines = Array.from({ length: 7000 }, (_, i) => {
    const day = new Date(Date.UTC(2026, 10, 20) - i * 86_400_000).toISOString().slice(0, 10);
    return `${day},${currencies.map((_, k) => (1 + k + i / 10_000).toFixed(4)).join(",")},`;
  });
  const file = `Date,${currencies.join(",")},\n${lines.join("\n")}\n`;
  const { status, body } = await sendRates(app, token, file);
  assertEquals([status, body.imported, body.first_day], [200, 70_000, "2007-09-22"]);
  assertEquals((await sendRates(app, token, file)).body.unchanged, 70_000);
});
