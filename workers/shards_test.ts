import { assertEquals } from "@std/assert";
import type { ShardRow } from "./dispatcher_queries.ts";
import { divide } from "./shards.ts";

/** Lets processes look at their shards in turn until nobody changes anything; gives how many each has. */
function settle(shards: ShardRow[], processes: string[]): Record<string, number> {
  for (let round = 0; round < 10; round++) {
    for (const me of processes) {
      const { hold, surplus } = divide(shards, me);
      for (const row of shards) {
        if (surplus.includes(row.shard)) Object.assign(row, { owner: null, live: false });
        else if (hold.includes(row.shard)) Object.assign(row, { owner: me, live: true });
      }
    }
  }
  return Object.fromEntries(processes.map((me) => [me, shards.filter(({ owner }) => owner === me).length]));
}

const nobodys = () =>
  Array.from({ length: 16 }, (_, shard): ShardRow => ({ shard, owner: null, live: false }));

Deno.test("One process holds all shards", () => {
  assertEquals(settle(nobodys(), ["a"]), { a: 16 });
});

Deno.test("Newcomers get their share of shards that others held, and every shard is held", () => {
  const shards = nobodys();
  settle(shards, ["a"]);
  assertEquals(settle(shards, ["a", "b"]), { a: 8, b: 8 });
  assertEquals(settle(shards, ["a", "b", "c", "d"]), { a: 4, b: 4, c: 4, d: 4 });
});

Deno.test("The shards of a process whose lease ended go to the others", () => {
  const shards = nobodys();
  settle(shards, ["a", "b"]);
  for (const row of shards) if (row.owner === "b") row.live = false;
  assertEquals(settle(shards, ["a"]), { a: 16 });
});

Deno.test("With more processes than shards the last ones wait and take nothing from anybody", () => {
  const names = Array.from({ length: 20 }, (_, n) => `p${n}`);
  const shards = nobodys();
  const counts = Object.values(settle(shards, names));
  assertEquals([counts.filter((count) => count === 1).length, Math.max(...counts)], [16, 1]);
  for (const waiting of names.filter((name) => shards.every(({ owner }) => owner !== name))) {
    assertEquals(divide(shards, waiting), { hold: [], surplus: [] });
  }
});

Deno.test("Of many free shards a process takes no more than its share", () => {
  const shards = nobodys();
  for (const row of shards.slice(0, 4)) Object.assign(row, { owner: "b", live: true });
  assertEquals(divide(shards, "a"), { hold: [4, 5, 6, 7, 8, 9, 10, 11], surplus: [] });
});
