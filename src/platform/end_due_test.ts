import { assertEquals, assertRejects } from "@std/assert";
import { endDue } from "./end_due.ts";

/** Ends a and b, of which a fails with this code. What came of it, what was tried, logged and rung. */
function endBoth(code: string) {
  const tried: string[][] = [];
  const logged: string[] = [];
  const rung: string[] = [];
  const ctx = {
    log: { error: (message: string) => logged.push(message) },
    bell: { ring: (channel: string) => rung.push(channel) },
  };
  const list = (except: string[]) => Promise.resolve(["a", "b"].filter((id) => !except.includes(id)));
  const gone = new Set<string>();
  const result = endDue(ctx as never, "a thing", (except) => list([...except, ...gone]), (ids) => {
    tried.push(ids);
    if (ids.includes("a")) return Promise.reject(Object.assign(new Error(), { code }));
    ids.forEach((id) => gone.add(id));
    return Promise.resolve(ids.length);
  });
  return { result, tried, logged, rung };
}

Deno.test("What waits too long for a lock is passed over, the others end, and readers of the log are woken", async () => {
  const { result, tried, logged, rung } = endBoth("55P03");
  assertEquals(await result, { expired: 1, mayBeMore: true });
  assertEquals(tried, [["a", "b"], ["a"], ["b"]]);
  assertEquals([logged, rung], [["a thing cannot be ended: a"], ["waybill_events"]]);
});

Deno.test("While the database is away nothing is taken for what cannot be ended", async () => {
  const { result, tried, logged, rung } = endBoth("CONNECTION_ENDED");
  await assertRejects(() => result);
  assertEquals([tried, logged, rung], [[["a", "b"], ["a"]], [], []]);
});
