import { assertEquals, assertRejects } from "@std/assert";
import { Breaker } from "../../src/platform/breaker.ts";

const OPTIONS = { failures: 5, openMs: 30_000, successes: 3 };
const succeed = () => Promise.resolve("done");
const fail = () => Promise.reject(new Error("no"));

/** Runs a test at a time of its own; the library reads the clock by `Date.now`. */
async function atTime(test: (pass: (ms: number) => void) => Promise<void>): Promise<void> {
  const real = Date.now;
  let now = 1_000_000;
  Date.now = () => now;
  try {
    await test((ms) => now += ms);
  } finally {
    Date.now = real;
  }
}

async function failTimes(breaker: Breaker, times: number): Promise<void> {
  for (let i = 0; i < times; i++) await assertRejects(() => breaker.run(fail), Error, "no");
}

Deno.test("five failures in a row open the breaker, and four with a success between do not", async () => {
  const breaker = new Breaker(OPTIONS);
  await failTimes(breaker, 4);
  await breaker.run(succeed);
  await failTimes(breaker, 4);
  assertEquals(breaker.state, "closed");
  await failTimes(breaker, 1);
  assertEquals(breaker.state, "open");
});

Deno.test("an open breaker calls nobody for 30 seconds", () =>
  atTime(async (pass) => {
    const breaker = new Breaker(OPTIONS);
    await failTimes(breaker, 5);
    pass(29_999);
    let called = false;
    await assertRejects(() => breaker.run(() => Promise.resolve(called = true)), Error, "open");
    assertEquals([called, breaker.state], [false, "open"]);
    pass(1);
    assertEquals(await breaker.run(succeed), "done");
    assertEquals(breaker.state, "half_open");
  }));

Deno.test("three successes close a half-open breaker", () =>
  atTime(async (pass) => {
    const breaker = new Breaker(OPTIONS);
    await failTimes(breaker, 5);
    pass(30_000);
    await breaker.run(succeed);
    await breaker.run(succeed);
    assertEquals(breaker.state, "half_open");
    await breaker.run(succeed);
    assertEquals(breaker.state, "closed");
    await failTimes(breaker, 4);
    assertEquals(breaker.state, "closed", "the count starts anew");
  }));

Deno.test("one failure opens a half-open breaker for another 30 seconds, even after two successes", () =>
  atTime(async (pass) => {
    const breaker = new Breaker(OPTIONS);
    await failTimes(breaker, 5);
    pass(30_000);
    await breaker.run(succeed);
    await breaker.run(succeed);
    await failTimes(breaker, 1);
    assertEquals(breaker.state, "open");
    pass(29_999);
    await assertRejects(() => breaker.run(succeed), Error, "open");
    pass(1);
    await breaker.run(succeed);
    assertEquals(breaker.state, "half_open");
  }));

Deno.test("a half-open breaker lets one call through at a time and nobody waits for it", () =>
  atTime(async (pass) => {
    const breaker = new Breaker(OPTIONS);
    await failTimes(breaker, 5);
    pass(30_000);
    const probe = Promise.withResolvers<string>();
    const probing = breaker.run(() => probe.promise);
    for (let i = 0; i < 10; i++) await assertRejects(() => breaker.run(succeed), Error, "open");
    probe.resolve("late");
    assertEquals(await probing, "late");
    assertEquals(await breaker.run(succeed), "done");
  }));
