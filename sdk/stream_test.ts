import { assertEquals, assertRejects } from "@std/assert";
import { createWaybill, type Event, type Problem, WaybillError } from "./mod.ts";

/** A client of a server that gives these answers one after the other, and what it was sent. */
function client(answers: (Response | Error)[], token?: () => string) {
  const requests: Request[] = [];
  const waybill = createWaybill({
    baseUrl: "http://waybill.test",
    token,
    retries: 0,
    fetch: (input) => {
      requests.push(input as Request);
      const answer = answers.shift() ?? new Error("There is no answer left.");
      return answer instanceof Error ? Promise.reject(answer) : Promise.resolve(answer);
    },
  });
  return { waybill, requests };
}

/** A stream that says these things; it ends then, unless it is to stay open. */
function stream(frames: string[], stays = false): Response {
  const body = new ReadableStream<Uint8Array>({
    start(controller) {
      controller.enqueue(new TextEncoder().encode(`retry: 1\n\n${frames.join("")}`));
      if (!stays) controller.close();
    },
  });
  return new Response(body, { headers: { "Content-Type": "text/event-stream" } });
}

const event = (position: number) =>
  `id: ${position}\nevent: order.created\ndata: {"position":${position},"type":"order.created"}\n\n`;

function refusal(status: number, code: string): Response {
  const problem = { status, code, detail: "Not now.", request_id: "r-1" };
  return Response.json(problem, { status, headers: { "Content-Type": "application/problem+json" } });
}

Deno.test("a stream goes on behind its last sign of life, with the token that is current then", async () => {
  let tokens = 0;
  const answers = [stream([event(42), "id: 50\n\n"]), stream([event(51)])];
  const { waybill, requests } = client(answers, () => `t${++tokens}`);
  const { stream: events } = await waybill.streamEvents({ query: { after: 41 } });
  const positions: number[] = [];
  for await (const event of events) {
    positions.push((event satisfies Event).position);
    if (positions.length === 2) break;
  }
  assertEquals(positions, [42, 51]);
  assertEquals(
    requests.map(({ headers }) => [headers.get("Authorization"), headers.get("Last-Event-ID")]),
    [["Bearer t1", null], ["Bearer t2", "50"]],
  );
});

Deno.test("a refusal ends the loop over a stream with the problem, at the first and at a later connection", async () => {
  const { waybill, requests } = client([
    refusal(403, "forbidden"),
    stream([event(1)]),
    refusal(401, "unauthenticated"),
  ]);
  const follow = async () => await Array.fromAsync((await waybill.streamEvents()).stream);
  const atOnce = await assertRejects(follow, WaybillError, "403 forbidden: Not now.");
  assertEquals([atOnce.code, requests.length], ["forbidden", 1]);
  const later = await assertRejects(follow, WaybillError);
  assertEquals([later.code, requests.length], ["unauthenticated", 3]);
});

Deno.test("what is no stream ends the loop, such as the page of a proxy", async () => {
  const { waybill } = client([new Response("<h1>Log in</h1>", { headers: { "Content-Type": "text/html" } })]);
  const { stream: events } = await waybill.streamEvents();
  const error = await assertRejects(() => events.next(), WaybillError);
  assertEquals([error.status, error.code as string, error.detail], [200, "unknown", "<h1>Log in</h1>"]);
});

Deno.test("broken connections, 429 and 503 are told of and tried again, as often as is asked for", async () => {
  const troubles = () => [new TypeError("reset"), refusal(429, "rate_limited"), refusal(503, "unavailable")];
  const told: unknown[] = [];
  const options = { sseDefaultRetryDelay: 1, onSseError: (error: unknown) => told.push(error) };
  const patient = client([...troubles(), stream([event(7)])]);
  const { stream: events } = await patient.waybill.streamEvents(options);
  assertEquals((await events.next()).value?.position, 7);
  await events.return();
  assertEquals(told.map((error) => (error as WaybillError).status), [undefined, 429, 503]);

  const hasty = client([...troubles(), stream([event(7)])]);
  const { stream: none } = await hasty.waybill.streamEvents({ ...options, sseMaxRetryAttempts: 2 });
  await assertRejects(() => none.next(), WaybillError, "429 rate_limited");
});

Deno.test("a stream waits for a token while the server that gives it is away, and ends with what else `token` throws", async () => {
  const answers = [stream([event(1)]), stream([event(2)])];
  const thrown = [
    undefined,
    new TypeError("fetch failed"),
    new DOMException("too slow", "TimeoutError"),
    new WaybillError({ status: 503, code: "unavailable", detail: "Not now." } as Problem),
    undefined,
    new Error("logged out"),
  ];
  const { waybill, requests } = client(answers, () => {
    const error = thrown.shift();
    if (error) throw error;
    return "t";
  });
  const told: unknown[] = [];
  const positions: number[] = [];
  const follow = async () => {
    const { stream } = await waybill.streamEvents({ onSseError: (error) => told.push(error) });
    for await (const { position } of stream) positions.push(position);
  };
  await assertRejects(follow, Error, "logged out");
  assertEquals([positions, told.length, requests.length], [[1, 2], 3, 2]);
});

Deno.test("a connection that has fallen silent is given up, and the stream goes on behind its last event", async () => {
  const { setTimeout } = globalThis;
  const quick = (then: () => void, ms: number) => setTimeout(then, ms / 1000);
  Object.assign(globalThis, { setTimeout: quick });
  try {
    const { waybill, requests } = client([stream([event(1)], true), stream([event(2)], true)]);
    const told: unknown[] = [];
    const { stream: events } = await waybill.streamEvents({ onSseError: (error) => told.push(error) });
    const positions: number[] = [];
    for await (const { position } of events) {
      positions.push(position);
      if (position === 2) break;
    }
    assertEquals(positions, [1, 2]);
    assertEquals(told.map((error) => (error as Error).name), ["TimeoutError"]);
    assertEquals(requests.map(({ headers }) => headers.get("Last-Event-ID")), [null, "1"]);
  } finally {
    Object.assign(globalThis, { setTimeout });
  }
});

Deno.test("leaving the loop hangs up, and so does the caller's signal, without an error", async () => {
  const { waybill, requests } = client([stream([event(1)], true), stream([event(2)], true)]);
  for await (const _ of (await waybill.streamEvents()).stream) break;
  assertEquals(requests[0]!.signal.aborted, true);

  const caller = new AbortController();
  const positions: number[] = [];
  for await (const { position } of (await waybill.streamEvents({ signal: caller.signal })).stream) {
    positions.push(position);
    caller.abort();
  }
  assertEquals(positions, [2]);
  assertEquals([requests.length, requests[1]!.signal.aborted], [2, true]);
});
