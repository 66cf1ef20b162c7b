import { assert, assertEquals } from "@std/assert";
import { GIVE_UP_MS, verdictOn } from "./schedule.ts";

const HOUR = 3_600_000;
const createdAt = new Date("2026-01-31T12:00:00Z");
const delivery = { createdAt, isPing: false };
const at = (ms: number) => new Date(createdAt.getTime() + ms);

Deno.test("a receiver that never answers well is tried ever more rarely for three days, and then no more", () => {
  for (const random of [0, 0.5, 1]) {
    const waits: number[] = [];
    let now = createdAt;
    for (let attempt = 1;; attempt++) {
      const verdict = verdictOn(now, delivery, attempt, { status: 500 }, random);
      if (verdict.status !== "pending") {
        assertEquals(verdict, { status: "failed", because: "exhausted" });
        break;
      }
      waits.push(verdict.nextAttemptAt.getTime() - now.getTime());
      now = verdict.nextAttemptAt;
    }
    assertEquals(now, at(GIVE_UP_MS));
    assert(waits.length >= 12 && waits.length <= 16, String(waits.length));
    assert(waits[0]! >= 5000 && waits[0]! <= 6000);
    assert(waits.slice(1, 9).every((wait, i) => wait > waits[i]!), String(waits));
  }
});

Deno.test("only 2xx is success: a redirect, too, is tried again", () => {
  for (const status of [200, 201, 204, 299]) {
    assertEquals(verdictOn(createdAt, delivery, 1, { status }).status, "succeeded");
  }
  for (const status of [undefined, 301, 302, 307, 400, 401, 404, 408, 429, 500, 503]) {
    assertEquals(verdictOn(createdAt, delivery, 1, { status }).status, "pending", String(status));
  }
  assertEquals(verdictOn(createdAt, delivery, 1, { status: 410 }), { status: "failed", because: "gone" });
});

Deno.test("Retry-After of 429 and 503 puts the next attempt off, by a day at the most", () => {
  const waited = (status: number, retryAfter: string) => {
    const verdict = verdictOn(createdAt, delivery, 1, { status, retryAfter }, 0);
    return verdict.status === "pending" && (verdict.nextAttemptAt.getTime() - createdAt.getTime()) / 1000;
  };
  assertEquals(waited(429, "120"), 120);
  assertEquals(waited(503, at(HOUR).toUTCString()), 3600);
  assertEquals(waited(503, "999999999"), 86_400);
  assertEquals(waited(503, at(1000 * HOUR).toUTCString()), 86_400);
  for (const nonsense of ["1", "soon", "-5", "", at(-HOUR).toUTCString()]) {
    assertEquals(waited(503, nonsense), 5, nonsense);
  }
  assertEquals(waited(500, "120"), 5, "others have no say");
});

Deno.test("a ping is tried once", () => {
  assertEquals(verdictOn(createdAt, { createdAt, isPing: true }, 1, { status: 500 }), {
    status: "failed",
    because: "ping",
  });
});
