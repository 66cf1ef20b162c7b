import { assertEquals, assertNotEquals, assertRejects } from "@std/assert";
import { type ConsigneeKey, loadConfig } from "../config.ts";
import { AppError } from "../platform/errors.ts";
import { openConsignee, sealConsignee } from "./seal.ts";

const ORDER = "0192f0c1-7a3e-7cc1-a5f4-1f8f0b6d2c11";
const OTHER_ORDER = "0192f0c1-7a3e-7cc1-a5f4-1f8f0b6d2c12";
const HONG = { name: "홍길동 Hong", id_type: "PCCC", id_number: "P123456789012" };
const SECRET_KEY = "a7Fq-test-only-b2Kx9ZpL0wRt5vYc8mNs3dHj";

const newKey = () => crypto.getRandomValues(new Uint8Array(32)).toBase64();

function keysOf(env: Record<string, string>): ConsigneeKey[] {
  return loadConfig({ DATABASE_URL: "postgres://localhost/waybill", SECRET_KEY, ...env }).consigneeKeys;
}

Deno.test("what was sealed opens again under its key, and only masks can be read without it", async () => {
  const keys = keysOf({ CONSIGNEE_KEY: newKey() });
  const sealed = await sealConsignee(keys, ORDER, HONG);
  assertEquals(await openConsignee(keys, sealed), HONG);
  assertEquals([sealed.masked_name, sealed.masked_id], ["홍** H***", "*********9012"]);
  const kept = new TextDecoder("latin1").decode(Uint8Array.fromBase64(sealed.sealed)) +
    JSON.stringify(sealed);
  for (const secret of [HONG.name, "Hong", HONG.id_number, "123456789"]) {
    assertEquals(kept.includes(secret), false);
  }
});

Deno.test("the same consignee never looks the same twice", async () => {
  const keys = keysOf({ CONSIGNEE_KEY: newKey() });
  const [once, twice] = [await sealConsignee(keys, ORDER, HONG), await sealConsignee(keys, ORDER, HONG)];
  assertNotEquals(once.sealed, twice.sealed);
});

Deno.test("under another order's id, another key or with one bit changed nothing opens", async () => {
  const keys = keysOf({ CONSIGNEE_KEY: newKey() });
  const sealed = await sealConsignee(keys, ORDER, HONG);
  await assertRejects(
    () => openConsignee(keys, { ...sealed, order_id: OTHER_ORDER }),
    Error,
    "not what was sealed",
  );
  const impostor = [{ id: sealed.key_id, secret: Uint8Array.fromBase64(newKey()) }];
  await assertRejects(() => openConsignee(impostor, sealed), Error, "not what was sealed");
  const bytes = Uint8Array.fromBase64(sealed.sealed);
  bytes[bytes.length - 20]! ^= 1;
  await assertRejects(
    () => openConsignee(keys, { ...sealed, sealed: bytes.toBase64() }),
    Error,
    "not what was sealed",
  );
});

Deno.test("after a rotation the old key still opens and the new one seals", async () => {
  const [old, next] = [newKey(), newKey()];
  const sealed = await sealConsignee(keysOf({ CONSIGNEE_KEY: old }), ORDER, HONG);
  const rotated = keysOf({ CONSIGNEE_KEY: next, CONSIGNEE_KEY_PREVIOUS: old });
  assertEquals(await openConsignee(rotated, sealed), HONG);
  const anew = await sealConsignee(rotated, ORDER, HONG);
  assertNotEquals(anew.key_id, sealed.key_id);
  assertEquals(await openConsignee(keysOf({ CONSIGNEE_KEY: next }), anew), HONG);
  const refusal = await assertRejects(() => openConsignee(keysOf({ CONSIGNEE_KEY: next }), sealed), AppError);
  assertEquals(refusal.code, "unavailable");
});

Deno.test("production without CONSIGNEE_KEY refuses to seal; elsewhere a key is made from SECRET_KEY and stays the same", async () => {
  const refusal = await assertRejects(
    () => sealConsignee(keysOf({ APP_ENV: "production" }), ORDER, HONG),
    AppError,
  );
  assertEquals(refusal.code, "unavailable");
  const sealed = await sealConsignee(keysOf({ APP_ENV: "local" }), ORDER, HONG);
  assertEquals(await openConsignee(keysOf({ APP_ENV: "local" }), sealed), HONG);
  const withItsOwn = keysOf({ APP_ENV: "local", CONSIGNEE_KEY: newKey() });
  assertEquals(await openConsignee(withItsOwn, sealed), HONG, "a key of its own later on loses nothing");
  assertEquals(keysOf({ APP_ENV: "local", SECRET_KEY: "" }), []);
});
