import { assertEquals, assertRejects } from "@std/assert";
import type { CacheRead } from "./cache.ts";
import type { Ctx } from "./ctx.ts";
import { readList, readThrough } from "./read_through.ts";

Deno.test("What is read past the cache is not put there: while it is away each read would be a write to be made up for", async () => {
  const kept: string[] = [];
  for (const status of ["MISS", "BYPASS"] as const) {
    const cache = {
      get: (): Promise<CacheRead> => Promise.resolve({ status }),
      put: (_key: string, version: number, value: string) =>
        Promise.resolve(void kept.push(`${status} ${version} ${value}`)),
    };
    const ctx = { cache } as unknown as Ctx;
    const read = await readThrough(ctx, "a key", 1000, () => Promise.resolve({ version: 3, value: "a" }));
    assertEquals([read!.value, ctx.cacheStatus], ["a", status]);
  }
  assertEquals(kept, ['MISS 3 "a"']);
});

Deno.test("Who asks for a list while it is loaded has what comes of that, be it a failure; whoever comes later has it loaded anew", async () => {
  const cache = { get: () => Promise.resolve({ status: "BYPASS" }) };
  const ctx = { cache, sql: {} } as unknown as Ctx;
  let loads: PromiseWithResolvers<string>[] = [];
  const read = (key = "a key") =>
    readList(ctx, key, 1000, () => {
      const load = Promise.withResolvers<string>();
      loads.push(load);
      return load.promise;
    });
  const failing = [read(), read()];
  await Promise.resolve();
  loads[0]!.reject(new Error("refused"));
  for (const each of failing) await assertRejects(() => each, Error, "refused");
  assertEquals(loads.length, 1);
  for (const value of ["first", "second"]) {
    loads = [];
    const reads = [read(), read(), read("another")];
    await Promise.resolve();
    loads.forEach((load, i) => load.resolve(`${value} of ${i}`));
    assertEquals(await Promise.all(reads), [`${value} of 0`, `${value} of 0`, `${value} of 1`]);
  }
});
