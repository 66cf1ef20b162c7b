import { assertEquals } from "@std/assert";
import { startTestApp } from "../../support/app.ts";
import { addExport } from "../../support/checkout.ts";
import { sendRates } from "../trade/support.ts";

Deno.test("Staff find what happened to rates of a source and to a destination's HS code by their ids in the log", async () => {
  await using app = await startTestApp();
  const staff = await app.user("staff");
  const { sku } = await addExport(app, { sku: "MUG-BLUE" });
  assertEquals((await sendRates(app, staff.token, "Date,USD\n2026-01-01,1.1\n")).status, 200);
  const put = await app.request("PUT", `/v1/trade/hs-codes/US/${sku}`, {
    token: staff.token,
    body: { hs_code: "691200" },
  });
  assertEquals(put.status, 200);
  const found = async (query: string) =>
    (await app.request("GET", `/v1/events?${query}`, { token: staff.token })).body.data
      .map(({ aggregate }: { aggregate: unknown }) => aggregate);
  assertEquals(await found("aggregate_type=hs_code"), [{ type: "hs_code", id: "MUG-BLUE@US" }]);
  assertEquals(await found("aggregate_type=hs_code&aggregate_id=MUG-BLUE@US"), [
    { type: "hs_code", id: "MUG-BLUE@US" },
  ]);
  assertEquals(await found("aggregate_type=exchange_rates&aggregate_id=ECB"), [
    { type: "exchange_rates", id: "ECB" },
  ]);
});
