import { assert, assertEquals } from "@std/assert";
import { systemCtx } from "../../../src/deps.ts";
import { loadExampleTrade } from "../../../tools/demo_trade.ts";
import { startTestApp } from "../../support/app.ts";
import { DayClock, importSchedule } from "./support.ts";

Deno.test("The example law is loaded whole, once, and can be read by the API", async () => {
  await using app = await startTestApp({}, { clock: new DayClock() });
  const { token } = await app.user("staff");
  const ctx = systemCtx(app.deps, "demo");
  const files = [...Deno.readDirSync("tools/example_trade")].map(({ name }) => name)
    .filter((name) => /^[a-z]{2}\.json$/.test(name)).sort();
  assertEquals(await loadExampleTrade(ctx), files.length);
  assertEquals(await loadExampleTrade(ctx), 0);

  const schedules = await app.request("GET", "/v1/trade/schedules?limit=100", { token });
  assertEquals(
    schedules.body.data.map(({ destination }: { destination: string }) =>
      `${destination.toLowerCase()}.json`
    ),
    files,
  );
  const lawOf = async (on: string) => {
    const path = `/v1/trade/schedules?destination=DE&on=${on}`;
    const { body: { data: [{ effective_from, duty }] } } = await app.request("GET", path, { token });
    return [effective_from, duty.low_value?.per_subheading];
  };
  assertEquals(await lawOf("2026-06-30"), ["2026-01-01", undefined]);
  assertEquals(await lawOf("2026-07-01"), ["2026-07-01", 300]);
  const rates = await app.request("GET", "/v1/trade/exchange-rates", { token });
  const sources = new Map(
    rates.body.data.map((each: Record<string, string>) => [each.currency, each.source]),
  );
  assertEquals([sources.get("USD"), sources.get("KWD")], ["ECB", "example"]);
  const offers = await app.request("GET", "/v1/shipping-options?destination=DE&weight_grams=420", { token });
  assert(offers.body.data.some(({ code }: { code: string }) => code === "parcel-de"));
});

Deno.test("Where somebody wrote down a law, in force or not yet, no example is loaded beside it", async () => {
  await using app = await startTestApp({}, { clock: new DayClock() });
  const { token } = await app.user("staff");
  await importSchedule(app, token, { destination: "ZA", effective_from: "2027-01-01" });
  assertEquals(await loadExampleTrade(systemCtx(app.deps, "demo")), 0);
  const rates = await app.request("GET", "/v1/trade/exchange-rates", { token });
  assertEquals(rates.body.data, []);
});
