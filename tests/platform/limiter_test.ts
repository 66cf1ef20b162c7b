import { assertEquals } from "@std/assert";
import { type Bucket, sizesOf, verdictOf } from "../../src/platform/limiter.ts";

const bucket = (limit: number, windowMs: number): Bucket => ({
  key: `${limit}/${windowMs}`,
  limit,
  windowMs,
});

Deno.test("a bucket holds exactly its limit, also where that does not divide the window", () => {
  const buckets = [bucket(10, 1000), bucket(7, 1000), bucket(3000, 1000), bucket(5_000_000, 1000)];
  assertEquals(buckets.map(sizesOf), [
    { cost: 100_000, capacity: 1_000_000 },
    { cost: 142_857, capacity: 999_999 },
    { cost: 333, capacity: 999_000 },
    { cost: 1, capacity: 5_000_000 },
  ]);
});

Deno.test("a verdict says how many requests are left, when the next one passes and when all do again", () => {
  const minute = bucket(60, 60_000);
  const refused = verdictOf(false, minute, 59_800_000);
  assertEquals([refused.limit, refused.remaining, refused.retryAfterMs, refused.resetMs], [
    60,
    0,
    800,
    59_800,
  ]);
  const allowed = verdictOf(true, minute, 5_000_000);
  assertEquals([allowed.limit, allowed.remaining, allowed.retryAfterMs, allowed.resetMs], [60, 55, 0, 5000]);
});

Deno.test("waiting times are rounded up, never down", () => {
  const verdict = verdictOf(false, bucket(1, 1000), 1001);
  assertEquals([verdict.retryAfterMs, verdict.resetMs], [2, 2]);
});
