import { assertEquals, assertInstanceOf, assertNotEquals } from "@std/assert";
import { AppError } from "../platform/errors.ts";
import { hashPassword, passwordCounters, verifyPassword } from "./password.ts";

Deno.test("a password is verified against its own salted hash", async () => {
  const [one, other] = await Promise.all([hashPassword("a password"), hashPassword("a password")]);
  assertNotEquals(one, other);
  assertEquals(await verifyPassword("a password", one), true);
  assertEquals(await verifyPassword("another", one), false);
});

Deno.test("nobody's password is verified at the same cost, and never right", async () => {
  const parameters = (hash: string) => hash.split("$").slice(1, 4);
  assertEquals(parameters(await hashPassword("x")), ["argon2id", "v=19", "m=19456,t=2,p=1"]);
  for (const nothing of [null, undefined]) {
    const before = passwordCounters.verified;
    assertEquals(await verifyPassword("", nothing), false);
    assertEquals(passwordCounters.verified, before + 1);
  }
});

Deno.test("passwords that too many wait for are refused, to be tried again", async () => {
  const outcomes = await Promise.allSettled(Array.from({ length: 300 }, () => verifyPassword("x", null)));
  const refused = outcomes.filter((outcome) => outcome.status === "rejected");
  assertEquals(refused.length, 300 - 2 - 256);
  const error = refused[0]!.reason;
  assertInstanceOf(error, AppError);
  assertEquals([error.code, error.retryAfterSeconds], ["unavailable", 2]);
});
