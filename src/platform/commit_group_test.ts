import { assertEquals } from "@std/assert";
import { commitGroup } from "./commit_group.ts";

const failure = (code: string) => Object.assign(new Error(code), { code });

/** Commits a, b and c; what contains one that is `bad` fails with this code. Tells what was tried and what came of it. */
async function commit(bad: string[], code: string) {
  const tried: string[] = [];
  const results = await commitGroup(["a", "b", "c"], () => undefined, (group) => {
    tried.push(group.join(""));
    if (group.some((each) => bad.includes(each))) return Promise.reject(failure(code));
    return Promise.resolve(group.map((each) => each.toUpperCase()));
  });
  return { tried, results: results.map((each) => each instanceof Error ? each.message : each) };
}

Deno.test("Of a group that the database refuses each is tried alone, and gets its own result", async () => {
  assertEquals(await commit(["b"], "23514"), {
    tried: ["abc", "a", "b", "c"],
    results: ["A", "23514", "C"],
  });
});

Deno.test("A group whose connection was lost may have been committed: none of it is tried again", async () => {
  for (const code of ["CONNECTION_CLOSED", "57P01"]) {
    assertEquals(await commit(["b"], code), { tried: ["abc"], results: [code, code, code] });
  }
});

Deno.test("Of several with one key only the first is tried, whatever comes of it; others' keys are others", async () => {
  const tried: string[] = [];
  const [first, another] = ["user:a", "user:b"];
  const [orders, returns] = ["POST /v1/orders", "POST /v1/returns"];
  const keys = [
    [first, orders, "k"],
    [first, orders, "k"],
    [first, orders, "other"],
    [another, orders, "k"],
    [first, returns, "k"],
    [first, orders, "k"],
  ];
  const results = await commitGroup([0, 1, 2, 3, 4, 5], (n) => {
    const [actor, route, key] = keys[n] as [string, string, string];
    return { actor, route, key, requestHash: String(n) };
  }, (group) => {
    tried.push(group.join(" "));
    return Promise.resolve(group.map(String));
  });
  assertEquals([tried, results], [["0 2 3 4"], ["0", undefined, "2", "3", "4", undefined]]);
});
