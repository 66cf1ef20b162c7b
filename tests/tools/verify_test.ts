import { assertEquals, assertStringIncludes } from "@std/assert";
import { startTestApp } from "../support/app.ts";
import { addProduct, place } from "../support/orders.ts";

const ROOT = new URL("../..", import.meta.url).pathname;

async function verify(databaseUrl: string, ...args: string[]) {
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: [
      "run",
      "--no-check",
      "--allow-net",
      "--allow-env",
      "--allow-read",
      "--allow-sys",
      "--allow-ffi",
      "tools/verify.ts",
      ...args,
    ],
    cwd: ROOT,
    env: { DATABASE_URL: databaseUrl, NO_COLOR: "1" },
  }).output();
  const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
  return { code, out: text(stdout), error: text(stderr) };
}

Deno.test("verify ends with 0 where all holds, with 0 and a warning where staff should look, with 1 where books are broken", async () => {
  await using app = await startTestApp();
  const { sql, config } = app.deps;
  const { sku } = await addProduct(app, { stock: 5 });
  await place(app, await app.user(), { [sku]: 2 });
  const good = await verify(config.databaseUrl);
  assertEquals(good.code, 0, good.out + good.error);
  assertStringIncludes(good.out, "0 broken, 0 warnings");

  await sql`
    insert into payment_webhooks (provider, event_id, payload, received_at)
    values ('sandbox', 'forgotten', '{}', now() - interval '2 hours')`;
  const warned = await verify(config.databaseUrl);
  assertEquals(warned.code, 0);
  assertStringIncludes(warned.out, "warning  no_payment_webhook_waits");
  assertStringIncludes(warned.out, "sandbox forgotten");

  await sql`update stock_levels set on_hand = 4 where sku = ${sku}`;
  const broken = await verify(config.databaseUrl);
  assertEquals(broken.code, 1);
  assertStringIncludes(broken.out, "BROKEN   stock_levels_are_sums_of_movements");
  assertStringIncludes(broken.out, `${sku}@default: level 4/2, movements 5/2`);

  const json = await verify(config.databaseUrl, "--json");
  assertEquals(json.code, 1);
  const { ok, invariants } = JSON.parse(json.out);
  assertEquals(ok, false);
  assertEquals(invariants.length > 40, true);
});

Deno.test("verify ends with 2 where it cannot look: no server, no such flag, no DATABASE_URL", async () => {
  const away = await verify("postgres://postgres@127.0.0.1:1/waybill");
  assertEquals([away.code, away.out], [2, ""]);
  assertStringIncludes(away.error, "Could not look");
  assertEquals((await verify("postgres://postgres@127.0.0.1:1/waybill", "--quick")).code, 2);
  const unset = await verify("");
  assertEquals(unset.code, 2);
  assertStringIncludes(unset.error, "DATABASE_URL is missing");
});
