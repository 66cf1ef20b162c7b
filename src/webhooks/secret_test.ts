import { assert, assertEquals, assertMatch, assertNotEquals, assertRejects } from "@std/assert";
import { loadConfig } from "../config.ts";
import { newSecret, seal, unseal } from "./secret.ts";

const OLD = "k9Vw-old-Qm3XzT7bRj5LnYc1HsGd8PfA2eUo";
const NEW = "p4Rt-new-Zx8CvB2nMq6WsEd0FgHj7KlYi9Tu";
const configOf = (secret: string, previous = "") =>
  loadConfig({
    APP_ENV: "test",
    DATABASE_URL: "postgres://localhost/x",
    SECRET_KEY: secret,
    SECRET_KEY_PREVIOUS: previous,
  });

Deno.test("a secret has the form of the specification and is never made twice", () => {
  const secrets = Array.from({ length: 100 }, newSecret);
  assertEquals(new Set(secrets).size, 100);
  for (const secret of secrets) {
    assertMatch(secret, /^whsec_[A-Za-z0-9+/]{43}=$/);
  }
});

Deno.test("a sealed secret shows nothing, and opens also after SECRET_KEY was rotated", async () => {
  const secret = newSecret();
  const [one, two] = [await seal(configOf(OLD), secret), await seal(configOf(OLD), secret)];
  assertNotEquals(one, two);
  assert(!one.includes(secret.slice(6, 20)));
  assertEquals(await unseal(configOf(OLD), one), secret);
  assertEquals(await unseal(configOf(NEW, OLD), one), secret);
  await assertRejects(() => unseal(configOf(NEW), one), Error, "not configured any more");
});

Deno.test("a sealed secret that was tampered with does not open", async () => {
  const parts = (await seal(configOf(OLD), newSecret())).split(".");
  const flipped = parts.with(3, (parts[3]![0] === "A" ? "B" : "A") + parts[3]!.slice(1)).join(".");
  await assertRejects(() => unseal(configOf(OLD), flipped));
});
