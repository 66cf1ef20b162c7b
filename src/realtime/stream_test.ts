import { assert, assertEquals } from "@std/assert";
import { loggedEvent } from "../../tests/support/logged_event.ts";
import { EventStream } from "./stream.ts";
import { MAX_BACKLOG_EVENTS } from "./subscriber.ts";

function open(): EventStream {
  const actor = { kind: "user", userId: crypto.randomUUID(), role: "staff" } as const;
  return new EventStream({ actor, after: 0, types: undefined, endsAtMs: Infinity });
}

const idsIn = (text: string) => [...text.matchAll(/^id: (\d+)\nevent: /gm)].map(([, id]) => Number(id));

Deno.test("A thousand events wait for a client that reads nothing, however small they are, and no more", async () => {
  const stream = open();
  for (let position = 1; position <= 2 * MAX_BACKLOG_EVENTS; position++) {
    stream.take([loggedEvent(position)], position, false);
  }
  assert(stream.isEnded);
  const text = await new Response(stream.body).text();
  assert(Math.abs(idsIn(text).length - MAX_BACKLOG_EVENTS) <= 1, `${idsIn(text).length} events`);
  assert(text.includes(": slow_consumer\n"));
});

Deno.test("A client that keeps up gets everything, however many small events that are", async () => {
  const stream = open();
  const reader = stream.body.getReader();
  await reader.read();
  for (let position = 1; position <= 3 * MAX_BACKLOG_EVENTS; position++) {
    stream.take([loggedEvent(position)], position, false);
    const { value } = await reader.read();
    assertEquals(idsIn(new TextDecoder().decode(value)), [position]);
  }
  await reader.cancel();
});

Deno.test("A client is given up that takes nothing from two heartbeats to the next, and not one that is slow time after time", async () => {
  const stream = open();
  const reader = stream.body.getReader();
  for (let turn = 0; turn < 5; turn++) {
    await reader.read();
    stream.beat();
    stream.beat();
  }
  assert(!stream.isEnded);
  stream.beat();
  assert(stream.isEnded);
  await reader.cancel();
});

Deno.test("What was being read when a stream lost its rights is not shown any more", async () => {
  const stream = open();
  stream.end("unauthenticated");
  stream.take([loggedEvent(1)], 1, true);
  assertEquals(idsIn(await new Response(stream.body).text()), []);
});
