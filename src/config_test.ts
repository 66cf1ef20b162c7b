import { assertThrows } from "@std/assert";
import { TEST_SECRET } from "../tests/support/app.ts";
import { ConfigError, loadConfig } from "./config.ts";

Deno.test("A shop cannot send from a country that there is not: UK is GB, EL is GR", () => {
  const env = { DATABASE_URL: "postgres://localhost/waybill", SECRET_KEY: TEST_SECRET };
  for (const country of ["UK", "EL", "ZZ"]) {
    assertThrows(() => loadConfig({ ...env, SHIP_FROM_COUNTRY: country }), ConfigError, "SHIP_FROM_COUNTRY");
  }
});
