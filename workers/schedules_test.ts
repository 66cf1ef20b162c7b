import { assertEquals } from "@std/assert";
import { JOBS } from "../src/jobs.ts";
import { SCHEDULES } from "./schedules.ts";

Deno.test("Every kind of round is begun by the clock, and nothing else is", () => {
  const rounds = JOBS.filter(({ policy }) => policy.exclusive).map(({ name }) => name);
  assertEquals(SCHEDULES.map(({ job }) => job).sort(), rounds.sort());
});
