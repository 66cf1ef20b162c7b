import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import document from "../docs/openapi.json" with { type: "json" };
import { retryingFetch, takesKey } from "./retry.ts";

const URL = "http://waybill.test/v1/orders";
const JSON_TYPE = { "Content-Type": "application/json" };

/** A server that gives these answers one after the other, and what it was sent. */
function server(...answers: (Response | Error)[]) {
  const requests: { method: string; body: string; key: string | null }[] = [];
  const send: typeof fetch = async (input) => {
    const request = input as Request;
    const key = request.headers.get("Idempotency-Key");
    requests.push({ method: request.method, body: await request.text(), key });
    const answer = answers.shift()!;
    if (answer instanceof Error) throw answer;
    return answer;
  };
  return { requests, send };
}

function refusal(status: number, retryAfter?: string): Response {
  return new Response("{}", {
    status,
    headers: retryAfter === undefined ? {} : { "Retry-After": retryAfter },
  });
}

/** The headers of an answer and half of its body; then the connection breaks. */
function half(contentType = "application/json"): Response {
  const body = new ReadableStream<Uint8Array>({
    start: (controller) => controller.enqueue(new TextEncoder().encode(`{"id":`)),
    pull: (controller) => controller.error(new TypeError("terminated")),
  }, { highWaterMark: 2 });
  return new Response(body, { headers: { "Content-Type": contentType } });
}

const at = (seconds: number, now = Date.now()) => new Date(now + seconds * 1000).toUTCString();

Deno.test("a JSON POST gets an Idempotency-Key of its own, and every repetition carries the same", async () => {
  const { requests, send } = server(
    refusal(503, "0"),
    new TypeError("connection reset"),
    Response.json({ id: 1 }),
  );
  const response = await retryingFetch(3, send)(URL, { method: "POST", headers: JSON_TYPE, body: `{"a":1}` });
  assertEquals(await response.json(), { id: 1 });
  assertEquals(requests.map(({ body }) => body), [`{"a":1}`, `{"a":1}`, `{"a":1}`]);
  assertEquals(new Set(requests.map(({ key }) => key)).size, 1);
  assert(requests[0]!.key);
});

Deno.test("the caller's own Idempotency-Key is kept", async () => {
  const { requests, send } = server(refusal(201));
  const headers = { ...JSON_TYPE, "Idempotency-Key": "mine" };
  await retryingFetch(3, send)(URL, { method: "POST", headers, body: "{}" });
  assertEquals(requests[0]!.key, "mine");
});

Deno.test("a login gets no key and is not repeated after it may have taken effect", async () => {
  const login = { method: "POST", body: new URLSearchParams({ grant_type: "refresh_token" }) };
  const unavailable = server(refusal(503, "0"));
  assertEquals((await retryingFetch(3, unavailable.send)(URL, login)).status, 503);
  assertEquals(unavailable.requests[0]!.key, null);
  const unreachable = server(new TypeError("connection reset"));
  await assertRejects(() => retryingFetch(3, unreachable.send)(URL, login), TypeError, "connection reset");
});

Deno.test("a PATCH is repeated when it was refused, not when it may have taken effect", async () => {
  const patch = { method: "PATCH", headers: JSON_TYPE, body: "{}" };
  const limited = server(refusal(429, "0"), refusal(200));
  assertEquals((await retryingFetch(3, limited.send)(URL, patch)).status, 200);
  const unavailable = server(refusal(503, "0"));
  assertEquals((await retryingFetch(3, unavailable.send)(URL, patch)).status, 503);
});

Deno.test("an answer that breaks off half way is a broken connection: repeated where that is safe, thrown else", async () => {
  const post = { method: "POST", headers: JSON_TYPE, body: "{}" };
  const whole = server(half(), half("application/pdf"), Response.json({ id: 1 }));
  assertEquals(await (await retryingFetch(3, whole.send)(URL, post)).json(), { id: 1 });
  assertEquals(new Set(whole.requests.map(({ key }) => key)).size, 1);

  const patch = server(half(), Response.json({}));
  const call = () => retryingFetch(3, patch.send)(URL, { ...post, method: "PATCH" });
  await assertRejects(call, TypeError, "terminated");
  assertEquals(patch.requests.length, 1);
});

Deno.test("a read is repeated in Firefox too, whose requests do not say that they have no body", async () => {
  const body = Object.getOwnPropertyDescriptor(Request.prototype, "body")!;
  Object.defineProperty(Request.prototype, "body", { configurable: true, get: () => undefined });
  try {
    const { requests, send } = server(refusal(503, "0"), refusal(200));
    assertEquals((await retryingFetch(1, send)(URL)).status, 200);
    assertEquals(requests.length, 2);
  } finally {
    Object.defineProperty(Request.prototype, "body", body);
  }
});

Deno.test("a page that did not come by HTTPS, where crypto.randomUUID is missing, gets keys too", async () => {
  const { randomUUID } = crypto;
  Object.assign(crypto, { randomUUID: undefined });
  try {
    const { requests, send } = server(refusal(201), refusal(201));
    for (let i = 0; i < 2; i++) {
      await retryingFetch(0, send)(URL, { method: "POST", headers: JSON_TYPE, body: "{}" });
    }
    const keys = requests.map(({ key }) => key);
    assertEquals(new Set(keys).size, 2);
    for (const key of keys) assertMatch(key!, /^[0-9a-f]{32}$/);
  } finally {
    Object.assign(crypto, { randomUUID });
  }
});

Deno.test("409 is repeated while the first call with the key still runs, and stands otherwise", async () => {
  const post = { method: "POST", headers: JSON_TYPE, body: "{}" };
  const running = server(refusal(409, "0"), refusal(201));
  assertEquals((await retryingFetch(3, running.send)(URL, post)).status, 201);
  const outOfStock = server(refusal(409));
  assertEquals((await retryingFetch(3, outOfStock.send)(URL, post)).status, 409);
});

Deno.test("after the last try the answer stands", async () => {
  const limited = server(refusal(429, "0"), refusal(429, "0"), refusal(429, "0"));
  assertEquals((await retryingFetch(2, limited.send)(URL)).status, 429);
  assertEquals(limited.requests.length, 3);
  const unreachable = server(new TypeError("refused"), new TypeError("refused again"));
  await assertRejects(() => retryingFetch(1, unreachable.send)(URL), TypeError, "refused again");
});

Deno.test("Retry-After is honoured as seconds and as a date, and not beyond half a minute", async () => {
  const start = performance.now();
  const dated = server(refusal(429, "0.2"), refusal(429, at(-5)), refusal(200));
  assertEquals((await retryingFetch(3, dated.send)(URL)).status, 200);
  assert(performance.now() - start >= 195);
  for (const long of ["31", at(60)]) {
    const busy = server(refusal(429, long));
    assertEquals((await retryingFetch(3, busy.send)(URL)).status, 429);
  }
});

Deno.test("a date in Retry-After is read by the clock of who set it", async () => {
  const start = performance.now();
  const now = Date.now();
  for (const hours of [-1, 1]) {
    const busy = refusal(503, at(hours * 3600 + 1, now));
    busy.headers.set("Date", at(hours * 3600, now));
    const { send } = server(busy, refusal(200));
    assertEquals((await retryingFetch(3, send)(URL)).status, 200);
  }
  assert(performance.now() - start >= 1995);
});

Deno.test("an unreadable Retry-After counts as none", async () => {
  const { send } = server(refusal(429, "soon"), refusal(200));
  assertEquals((await retryingFetch(1, send)(URL)).status, 200);
});

Deno.test("aborting ends the wait", async () => {
  const abort = new AbortController();
  const { send } = server(refusal(429, "20"));
  const call = retryingFetch(3, send)(URL, { signal: abort.signal });
  queueMicrotask(() => abort.abort(new Error("enough")));
  await assertRejects(() => call, Error, "enough");
});

Deno.test("a streamed body is sent once", async () => {
  const { requests, send } = server(refusal(429, "0"));
  const body = ReadableStream.from([new TextEncoder().encode("line\n")]);
  const headers = { "Content-Type": "application/x-ndjson" };
  assertEquals((await retryingFetch(3, send)(URL, { method: "POST", headers, body })).status, 429);
  assertEquals(requests.map(({ body, key }) => ({ body, key })), [{ body: "line\n", key: null }]);
});

Deno.test("The calls that get a key, and are repeated by it, are those that take one by the OpenAPI document", () => {
  const posts = Object.entries(
    document.paths as Record<string, { post?: { parameters?: { name?: string }[] } }>,
  )
    .filter(([, { post }]) => post);
  const taking = posts.filter(([, { post }]) =>
    post!.parameters?.some(({ name }) => name === "Idempotency-Key")
  );
  const keyed = posts.filter(([path]) =>
    takesKey({
      method: "POST",
      url: `http://waybill.test${path.replace(/\{\w+\}/g, "some%2Fid")}`,
    })
  );
  assertEquals(keyed.map(([path]) => path), taking.map(([path]) => path));
});
