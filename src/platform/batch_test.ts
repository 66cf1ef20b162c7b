import { assertEquals } from "@std/assert";
import { grouped, groupedByLines } from "./batch.ts";

function recorder(options: { slots: number; maxSize: number }) {
  const groups: { inputs: readonly number[]; done: () => void }[] = [];
  const call = grouped(
    (inputs: readonly number[]) =>
      new Promise<number[]>((resolve) =>
        groups.push({ inputs, done: () => resolve(inputs.map((i) => i * 10)) })
      ),
    options,
  );
  return { groups, call };
}

/** Lets everything that is ready run. */
const settle = () => new Promise((resolve) => setTimeout(resolve, 0));

Deno.test("a lone call goes at once, and those that come meanwhile go together when it is done", async () => {
  const { groups, call } = recorder({ slots: 1, maxSize: 3 }); // more would begin by themselves after 25 ms
  const first = call(1);
  await settle();
  const rest = [2, 3, 4, 5].map(call);
  await settle();
  assertEquals(groups.map(({ inputs }) => inputs), [[1]]);
  groups[0]!.done();
  assertEquals(await first, 10);
  await settle();
  assertEquals(groups.map(({ inputs }) => inputs), [[1], [2, 3, 4]]);
  groups[1]!.done();
  await settle();
  groups[2]!.done();
  assertEquals(await Promise.all(rest), [20, 30, 40, 50]);
});

Deno.test("a group that takes long does not hold up the next, but no more than the slots are under way", async () => {
  const { groups, call } = recorder({ slots: 2, maxSize: 9 });
  const calls = [call(1)];
  await settle();
  calls.push(call(2));
  while (groups.length < 2) await settle();
  calls.push(call(3));
  await new Promise((resolve) => setTimeout(resolve, 60));
  assertEquals(groups.map(({ inputs }) => inputs), [[1], [2]]);
  groups[0]!.done();
  while (groups.length < 3) await settle();
  groups[1]!.done();
  groups[2]!.done();
  assertEquals(await Promise.all(calls), [10, 20, 30]);
});

Deno.test("a group that is stuck leaves its slot to others, but no more than as many again are under way", async () => {
  const { groups, call } = recorder({ slots: 1, maxSize: 9 });
  const long = () => new Promise((resolve) => setTimeout(resolve, 700));
  const calls = [call(1)];
  await settle();
  calls.push(call(2));
  await long();
  calls.push(call(3));
  await long();
  assertEquals(groups.map(({ inputs }) => inputs), [[1], [2]]);
  groups[0]!.done();
  await long();
  groups[1]!.done();
  groups[2]!.done();
  assertEquals(await Promise.all(calls), [10, 20, 30]);
});

Deno.test("an error is for the call it answers, and a group that fails fails all its calls and nothing else", async () => {
  const call = grouped(
    (inputs: readonly number[]) =>
      inputs.includes(0)
        ? Promise.reject(new Error("all"))
        : Promise.resolve(inputs.map((i) => i < 0 ? new Error("one") : i)),
    { slots: 1, maxSize: 2 },
  );
  const outcome = (promise: Promise<unknown>) => promise.catch((error: Error) => error.message);
  assertEquals(await Promise.all([outcome(call(1)), outcome(call(-1)), outcome(call(0)), outcome(call(2))]), [
    1,
    "one",
    "all",
    "all",
  ]);
  assertEquals(await call(3), 3);
});

Deno.test("large inputs go by themselves, two at a time, and small ones do not wait for them", async () => {
  const groups: number[][] = [];
  const { promise: released, resolve: release } = Promise.withResolvers<void>();
  const call = groupedByLines(async (inputs: readonly number[]) => {
    groups.push([...inputs]);
    if (inputs[0]! >= 50) await released;
    return [...inputs];
  }, (lines) => lines);
  const large = [call(900), call(800), call(700)];
  assertEquals(await call(2), 2);
  assertEquals(await call(3), 3);
  release();
  assertEquals(await Promise.all(large), [900, 800, 700]);
  assertEquals(groups.filter((inputs) => inputs.length > 2), []);
  assertEquals(
    groups.filter((inputs) => inputs.some((lines) => lines >= 50) && inputs.some((lines) => lines < 50)),
    [],
  );
});
