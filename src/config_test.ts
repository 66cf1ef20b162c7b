import { assertEquals, assertThrows } from "@std/assert";
import { TEST_SECRET } from "../tests/support/app.ts";
import { ConfigError, loadConfig } from "./config.ts";

Deno.test("A shop cannot send from a country that there is not: UK is GB, EL is GR", () => {
  const env = { DATABASE_URL: "postgres://localhost/waybill", SECRET_KEY: TEST_SECRET };
  for (const country of ["UK", "EL", "ZZ"]) {
    assertThrows(() => loadConfig({ ...env, SHIP_FROM_COUNTRY: country }), ConfigError, "SHIP_FROM_COUNTRY");
  }
});

Deno.test("An origin that no browser would send is refused at the start, not with each of its requests", () => {
  const env = { DATABASE_URL: "postgres://localhost/waybill", SECRET_KEY: TEST_SECRET };
  const origins = [
    "https://shop.example",
    "http://localhost:5173",
    "http://[::1]:8080",
    "capacitor://localhost",
  ];
  assertEquals(loadConfig({ ...env, CORS_ORIGINS: origins.join(", ") }).corsOrigins, origins);
  for (
    const wrong of [
      "*",
      "shop.example",
      "https://shop.example/",
      "https://shop.example:443",
      "https://Shop.example",
      "https://*.shop.example",
      "https://me@shop.example",
      "null",
    ]
  ) {
    const set = { ...env, CORS_ORIGINS: `https://shop.example,${wrong}` };
    assertThrows(() => loadConfig(set), ConfigError, "CORS_ORIGINS", wrong);
  }
});
