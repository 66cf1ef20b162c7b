import { assertEquals } from "@std/assert";
import { Recent } from "./recent.ts";

Deno.test("calls at the same time share one look, and a look is taken again when it is old", async () => {
  let looks = 0;
  const seen = Promise.withResolvers<void>();
  const look = async () => {
    const turn = ++looks;
    await seen.promise;
    return turn;
  };
  const recent = new Recent(look, { maxAgeMs: 0, timeoutMs: 1000 });
  const asked = [recent.get(), recent.get(), recent.get()];
  seen.resolve();
  assertEquals(await Promise.all(asked), [1, 1, 1]);
  assertEquals(await recent.get(), 2);
  const lasting = new Recent(() => Promise.resolve(++looks), { maxAgeMs: 60_000, timeoutMs: 1000 });
  assertEquals([await lasting.get(), await lasting.get()], [3, 3]);
});

Deno.test("a look that fails or takes too long gives undefined, and no second one is begun beside it", async () => {
  let looks = 0;
  const failing = new Recent(() => Promise.reject(new Error("away")), { maxAgeMs: 0, timeoutMs: 1000 });
  assertEquals(await failing.get(), undefined);
  const ended = Promise.withResolvers<number>();
  const slow = new Recent(() => (looks++, ended.promise), { maxAgeMs: 0, timeoutMs: 5 });
  assertEquals([await slow.get(), await slow.get(), await slow.get()], [undefined, undefined, undefined]);
  assertEquals(looks, 1);
  ended.resolve(7);
  await ended.promise;
  await Promise.resolve();
  assertEquals(await slow.get(), 7);
  assertEquals(looks, 2);
});
