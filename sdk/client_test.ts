import { assertEquals, assertRejects } from "@std/assert";
import { createWaybill, WaybillError } from "./mod.ts";

/** A client of a server that gives this answer, and what it was sent. */
function client(answer: Response | Error, token?: string | (() => string | undefined)) {
  const requests: Request[] = [];
  const waybill = createWaybill({
    baseUrl: "http://waybill.test/",
    token,
    retries: 0,
    fetch: (input) => {
      requests.push(input as Request);
      return answer instanceof Error ? Promise.reject(answer) : Promise.resolve(answer.clone());
    },
  });
  return { waybill, requests };
}

Deno.test("a call goes to its path under the base URL, with the token that is current then", async () => {
  let token = "first";
  const { waybill, requests } = client(Response.json({}), () => token);
  await waybill.getOrder({ path: { id: "a/b" } });
  token = "second";
  await waybill.listOrders({ query: { limit: 5 } });
  assertEquals(requests.map(({ url }) => url), [
    "http://waybill.test/v1/orders/a%2Fb",
    "http://waybill.test/v1/orders?limit=5",
  ]);
  assertEquals(requests.map(({ headers }) => headers.get("Authorization")), [
    "Bearer first",
    "Bearer second",
  ]);
});

Deno.test("a part of a path that would vanish from the URL is refused, as another operation would answer", async () => {
  const { waybill, requests } = client(Response.json({ data: [] }));
  for (const id of ["", ".", ".."]) {
    await assertRejects(() => waybill.getOrder({ path: { id } }), TypeError, `path.id is "${id}"`);
    await assertRejects(
      () => waybill.listUserOrders({ path: { user_id: id } }),
      TypeError,
      `path.user_id is "${id}"`,
    );
  }
  assertEquals(requests.length, 0);
});

Deno.test("calls that run at once ask for one token, so that it may be refreshed there", async () => {
  let asked = 0;
  const refresh = async () => {
    await new Promise((resolve) => setTimeout(resolve, 1));
    if (++asked === 2) throw new Error("logged out");
    return `t${asked}`;
  };
  const sent: (string | null)[] = [];
  const waybill = createWaybill({
    baseUrl: "http://waybill.test",
    token: refresh,
    fetch: (input) => {
      sent.push((input as Request).headers.get("Authorization"));
      return Promise.resolve(Response.json({}));
    },
  });
  await Promise.all([waybill.getMe(), waybill.listOrders(), waybill.getMe()]);
  const refused = await Promise.allSettled([waybill.getMe(), waybill.getMe()]);
  await waybill.getMe();
  assertEquals(sent, ["Bearer t1", "Bearer t1", "Bearer t1", "Bearer t3"]);
  assertEquals([refused.map(({ status }) => status), asked], [["rejected", "rejected"], 3]);
});

Deno.test("public calls carry no token", async () => {
  const { waybill, requests } = client(Response.json({ status: "ok" }), "secret");
  const { data } = await waybill.getHealth();
  assertEquals(data, { status: "ok" });
  assertEquals(requests[0]!.headers.get("Authorization"), null);
});

Deno.test("a refusal comes back as the problem that the server told", async () => {
  const problem = {
    type: "urn:waybill:problem:not_found",
    title: "Not Found",
    status: 404,
    detail: "There is no such order.",
    instance: "/v1/orders/1",
    code: "not_found",
    request_id: "r-1",
  };
  const headers = { "Content-Type": "application/problem+json" };
  const { waybill } = client(new Response(JSON.stringify(problem), { status: 404, headers }));
  const { data, error } = await waybill.getOrder({ path: { id: "1" } });
  assertEquals(data, undefined);
  assertEquals(error?.code, "not_found");
  assertEquals({ ...error }, { name: "WaybillError", ...problem });
});

Deno.test("a refusal is an error that says what happened, thrown or not", async () => {
  const errors = [{ pointer: "/items", code: "required", message: "is required" }];
  const problem = { code: "invalid_request", status: 422, detail: "The request is not valid.", errors };
  const { waybill } = client(Response.json(problem, { status: 422 }));
  const { error } = await waybill.getOrder({ path: { id: "1" } });
  const thrown = await client(Response.json(problem, { status: 422 })).waybill
    .getOrder({ path: { id: "1" }, throwOnError: true }).catch((error) => error);
  for (const each of [error, thrown]) {
    assertEquals([each instanceof Error, each instanceof WaybillError], [true, true]);
    assertEquals(String(each), "WaybillError: 422 invalid_request: The request is not valid.");
    assertEquals([each.code, each.errors], ["invalid_request", errors]);
  }
});

Deno.test("the facts of a refusal have types, and what this version does not know of is there too", async () => {
  const errors = [{
    pointer: "/quote_id",
    code: "expired",
    message: "The quote has expired.",
    quoted_total: 1499,
    new_total: 1599,
    currency: "EUR",
    of_tomorrow: 1,
  }];
  const problem = { code: "quote_not_open", status: 409, detail: "The quote has expired.", errors };
  const { waybill } = client(Response.json(problem, { status: 409 }));
  const ship_to = { name: "Ada", lines: ["1 High St"], city: "Leeds", country: "GB" };
  const { error } = await waybill.checkOut({ path: { id: "1" }, body: { quote_id: "1", ship_to } });
  const total: number | null | undefined = error?.errors?.[0]?.new_total;
  const other: unknown = error?.errors?.[0]?.of_tomorrow;
  assertEquals([total, other], [1599, 1]);
});

Deno.test("what has not changed is no error: no data, and the status 304", async () => {
  const unchanged = () => new Response(null, { status: 304, headers: { "ETag": '"3"' } });
  const call = { path: { id: "1" }, headers: { "If-None-Match": '"3"' } };
  const { waybill, requests } = client(unchanged());
  const { data, error, response } = await waybill.getOrder(call);
  assertEquals([data, error, response?.status], [undefined, undefined, 304]);
  assertEquals(response?.headers.get("ETag"), '"3"');
  assertEquals(requests[0]!.headers.get("If-None-Match"), '"3"');
  const throwing = await client(unchanged()).waybill.getOrder({ ...call, throwOnError: true });
  assertEquals([throwing.data as unknown, throwing.response.status], [undefined, 304]);
});

Deno.test("there is no method for the WebSocket, which fetch cannot open", () => {
  assertEquals("openEventSocket" in client(new Response()).waybill, false);
  assertEquals("streamEvents" in client(new Response()).waybill, true);
});

Deno.test("what is not Waybill's answer comes back as a problem too", async () => {
  const { waybill } = client(
    new Response("<h1>Bad Gateway</h1>", { status: 502, statusText: "Bad Gateway" }),
  );
  const { error } = await waybill.getOrder({ path: { id: "1" } });
  assertEquals([error?.status, error?.code as string, error?.detail], [
    502,
    "unknown",
    "<h1>Bad Gateway</h1>",
  ]);
});

Deno.test("a server that is not well says so in JSON that is no problem, which is not lost", async () => {
  const body = { status: "down", message: "Not well.", dependencies: { database: { status: "down" } } };
  const { error } = await client(Response.json(body, { status: 503 })).waybill.getDetailedHealth();
  assertEquals(error?.dependencies.database.status, "down");
  assertEquals(String(error), `WaybillError: 503 unknown: ${JSON.stringify(body)}`);
});

Deno.test("a server that cannot be reached makes the call throw", async () => {
  const { waybill } = client(new TypeError("connection refused"));
  await assertRejects(() => waybill.getHealth(), TypeError, "connection refused");
});

Deno.test("who ends a call half way through its answer hears of that, and of no refusal", async () => {
  const halting: typeof fetch = (input) => {
    const { signal } = input as Request;
    const body = new ReadableStream<Uint8Array>({
      start(controller) {
        controller.enqueue(new TextEncoder().encode(`{"id":`));
        signal.addEventListener("abort", () => controller.error(signal.reason));
      },
    });
    return Promise.resolve(new Response(body, { headers: { "Content-Type": "application/json" } }));
  };
  const baseUrl = "http://waybill.test";
  const call = { path: { id: "1" } };
  const impatient = () => ({ ...call, signal: AbortSignal.timeout(1) });
  for (
    const ended of [
      () => createWaybill({ baseUrl, fetch: halting }).getOrder(impatient()),
      () => createWaybill({ baseUrl }).getOrder({ ...impatient(), fetch: halting }),
    ]
  ) {
    const error = await assertRejects(ended, DOMException);
    assertEquals(error.name, "TimeoutError");
  }
});

Deno.test("a page in place of an answer, such as a proxy's to log in, is a problem and no data", async () => {
  const page = new Response("<h1>Log in</h1>", { headers: { "Content-Type": "text/html; charset=utf-8" } });
  const { data, error } = await client(page).waybill.getOrder({ path: { id: "1" } });
  assertEquals(data, undefined);
  assertEquals([error?.status, error?.code as string, error?.detail], [200, "unknown", "<h1>Log in</h1>"]);
});

Deno.test("with throwOnError a refusal is thrown", async () => {
  const { waybill } = client(Response.json({ code: "not_found", status: 404 }, { status: 404 }));
  const thrown = await waybill.getOrder({ path: { id: "1" }, throwOnError: true }).catch((error) => error);
  assertEquals(thrown.code, "not_found");
});

Deno.test("objects go out as JSON, text and streams as they are", async () => {
  const { waybill, requests } = client(Response.json({}));
  const order = { currency: "EUR", items: [{ sku: "MUG-BLUE", quantity: 1 }] };
  const line = `{"sku":"MUG-BLUE"}\n`;
  // deno-lint-ignore no-explicit-any -- only how a body travels is looked at here
  const send = (body: any) => waybill.placeOrder({ body });
  await send(order);
  await send(line);
  await send(new Blob([line]).stream());
  const bodies = await Promise.all(requests.map((request) => request.text()));
  assertEquals(bodies, [JSON.stringify(order), line, line]);
});
