import { assertEquals } from "@std/assert";
import { type Bucket, takeArguments, verdictOf } from "../../src/platform/limiter.ts";

const bucket = (limit: number, windowMs: number): Bucket => ({
  key: `${limit}/${windowMs}`,
  limit,
  windowMs,
});

Deno.test("a bucket holds exactly its limit, also where that does not divide the window", () => {
  const buckets = [bucket(10, 1000), bucket(7, 1000), bucket(3000, 1000), bucket(5_000_000, 1000)];
  assertEquals(takeArguments(buckets), {
    keys: ["10/1000", "7/1000", "3000/1000", "5000000/1000"],
    args: ["100000", "1000000", "142857", "999999", "333", "999000", "1", "5000000"],
  });
});

Deno.test("the bucket that refuses longest speaks, or else the one with the fewest requests left", () => {
  const [second, minute] = [bucket(10, 1000), bucket(60, 60_000)];
  const refused = verdictOf(false, [second, minute], [950_000, 59_800_000]);
  assertEquals([refused.limit, refused.remaining, refused.retryAfterMs, refused.resetMs], [
    60,
    0,
    800,
    59_800,
  ]);
  const allowed = verdictOf(true, [second, minute], [200_000, 5_000_000]);
  assertEquals([allowed.limit, allowed.remaining, allowed.retryAfterMs, allowed.resetMs], [10, 8, 0, 200]);
});

Deno.test("waiting times are rounded up, never down", () => {
  const verdict = verdictOf(false, [bucket(1, 1000)], [1001]);
  assertEquals([verdict.retryAfterMs, verdict.resetMs], [2, 2]);
});
