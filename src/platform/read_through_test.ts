import { assertEquals } from "@std/assert";
import type { CacheRead } from "./cache.ts";
import type { Ctx } from "./ctx.ts";
import { readThrough } from "./read_through.ts";

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
