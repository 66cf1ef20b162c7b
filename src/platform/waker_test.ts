import { Waker } from "./waker.ts";

const LONG_MS = 1_000_000;

Deno.test("A ring ends all waits, also one that begins after it, if it came after what was waited for was looked at", async () => {
  const waker = new Waker();
  const { rings } = waker;
  const both = Promise.all([waker.wait(LONG_MS), waker.wait(LONG_MS)]);
  waker.wake();
  await both;
  await waker.wait(LONG_MS, rings);
});

Deno.test("Without a ring a wait ends in time, and with the end of everything at once", async () => {
  const stopping = new AbortController();
  const waker = new Waker(stopping.signal);
  await waker.wait(1);
  const waiting = waker.wait(LONG_MS);
  stopping.abort();
  await waiting;
  await waker.wait(LONG_MS);
});
