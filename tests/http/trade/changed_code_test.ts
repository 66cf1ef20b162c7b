import { assertEquals } from "@std/assert";
import { systemCtx } from "../../../src/deps.ts";
import { newId } from "../../../src/platform/id.ts";
import { importSchedule, readTradeFacts } from "../../../src/trade/mod.ts";
import { startTestApp } from "../../support/app.ts";
import { lawOf } from "../../support/checkout.ts";

Deno.test("Who asks while a product gets another HS code is told the duty on the code that they know", async () => {
  await using app = await startTestApp();
  const rate = (hs_prefix: string, ad_valorem: string) => ({ hs_prefix, ad_valorem });
  const duty_rates = [rate("", "0"), rate("6912", "0.1"), rate("6911", "0.3")];
  await importSchedule(systemCtx(app.deps, "test"), lawOf("GB", { duty_rates }));
  const id = newId();
  const ask = async (hs_code: string) => {
    const ask = { destination: "GB", on: new Date(), currencies: [], products: [{ id, hs_code }] };
    const { schedule } = await readTradeFacts(app.deps.sql, ask);
    return schedule!.duty_rates.some(({ hs_prefix }) => hs_prefix === hs_code.slice(0, 4));
  };
  // The first goes at once, the others together.
  assertEquals(await Promise.all(["691200", "691200", "691110"].map(ask)), [true, true, true]);
});
