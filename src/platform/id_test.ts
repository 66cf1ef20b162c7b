import { assert, assertEquals } from "@std/assert";
import { firstIdAt, newId, newIdAfter } from "./id.ts";

/** Ids made while the clock says each of these, in milliseconds. */
function idsAt(times: number[]): string[] {
  const now = Date.now;
  try {
    return times.map((time) => {
      Date.now = () => time;
      return newId();
    });
  } finally {
    Date.now = now;
  }
}

const START = Date.parse("2026-11-22T12:00:00Z");

Deno.test("Ids sort in the order in which they were made, thousands in a millisecond and while the clock goes back a little", () => {
  const ids = idsAt([...Array(5000).fill(START), START - 1000, START - 9000, START, START + 1]);
  assertEquals(ids.toSorted(), ids);
  assertEquals(new Set(ids).size, ids.length);
});

Deno.test("Ids follow a clock that is set back by more, so that they stay near to the time that their rows say", () => {
  const ids = idsAt([START + 3_600_000, START, START, START + 1, START - 86_400_000]);
  const times = ids.slice(1);
  [START, START, START + 1, START - 86_400_000].forEach((time, i) => {
    assert(times[i]! >= firstIdAt(new Date(time)) && times[i]! < firstIdAt(new Date(time + 1)), `${i}`);
  });
  assertEquals(times.slice(0, 3).toSorted(), times.slice(0, 3));
});

Deno.test("An id that is to sort behind another does, whenever that was made", () => {
  const [ahead] = idsAt([Date.now() + 3_600_000]);
  const next = newIdAfter(ahead);
  assert(next > ahead! && newIdAfter(next) > next);
  assert(newIdAfter(undefined) < ahead!);
  assertEquals(next.slice(14, 15), "7");
});
