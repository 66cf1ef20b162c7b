import { assertEquals, assertMatch, assertThrows } from "@std/assert";
import { openApiDocument } from "../../../src/app.ts";
import { ERROR_STATUS } from "../../../src/platform/errors.ts";
import { startTestApp } from "../../support/app.ts";
import { checkResponse } from "../../support/contract.ts";
import { addProduct, orderBody } from "../../support/orders.ts";
import { startTestServer } from "../../support/server.ts";

Deno.test("the contract names every code that a problem can have", () => {
  // deno-lint-ignore no-explicit-any -- the document is JSON
  const { components }: any = openApiDocument();
  assertEquals(components.schemas.Problem.properties.code.enum, Object.keys(ERROR_STATUS));
});

Deno.test("a fact that the contract does not name, or of another type, is not answered: it fails the test that asked", async () => {
  await using app = await startTestApp();
  const { token } = await app.user();
  const { sku } = await addProduct(app, { stock: 1 });
  const refused = await app.request("POST", "/v1/orders", { token, body: orderBody({ [sku]: 2 }) });
  const [error] = refused.body.errors;
  assertEquals([error.requested, error.available], [2, 1]);
  for (const facts of [{ missing: 1 }, { requested: "2" }]) {
    const answer = { ...refused, body: { ...refused.body, errors: [{ ...error, ...facts }] } };
    assertThrows(() => checkResponse("POST", "/v1/orders", answer), Error, "does not match the document");
  }
});

Deno.test("the example of a problem is of its own call, and shows what is really answered to act on", async () => {
  // deno-lint-ignore no-explicit-any -- the document is JSON
  const { paths }: any = openApiDocument();
  const exampleOf = (path: string, method: string, status: number) =>
    paths[path][method].responses[status].content["application/problem+json"].example;
  for (const [path, methods] of Object.entries<Record<string, { responses: object }>>(paths)) {
    const own = new RegExp(`^${path.replaceAll(".", "\\.").replace(/\{\w+\}/g, "[^/{}]+")}$`);
    for (const [method, { responses }] of Object.entries(methods)) {
      for (const [status, { content }] of Object.entries(responses)) {
        if (!content?.["application/problem+json"]) continue;
        assertMatch(exampleOf(path, method, Number(status)).instance, own);
      }
    }
  }
  const acted = [
    ["/v1/orders/{id}", "patch", 409, "invalid_transition", "allowed"],
    ["/v1/carts/{id}/checkout", "post", 409, "quote_not_open", "new_total"],
    ["/v1/orders/{id}/payments", "post", 422, "payment_refused", "payments"],
  ] as const;
  for (const [path, method, status, code, fact] of acted) {
    const example = exampleOf(path, method, status);
    assertEquals([example.code, fact in example.errors[0]], [code, true]);
  }
  await using app = await startTestApp();
  const { token } = await app.user();
  const { sku } = await addProduct(app, { stock: 1 });
  const wrong = await app.request("GET", "/v1/orders?foo=1", { token });
  const { detail, errors, instance } = exampleOf("/v1/orders", "get", 422);
  assertEquals([detail, errors, instance], [wrong.body.detail, wrong.body.errors, wrong.body.instance]);
  const short = await app.request("POST", "/v1/orders", { token, body: orderBody({ [sku]: 2 }) });
  const example = exampleOf("/v1/orders", "post", 409);
  assertEquals(Object.keys(example.errors[0]), Object.keys(short.body.errors[0]));
});

Deno.test("a problem's detail reads as a sentence, whatever is wrong", async () => {
  await using app = await startTestApp();
  const { token } = await app.user();
  const detailOf = async (method: string, path: string, body?: unknown) =>
    (await app.request(method, path, { token, body })).body.detail;
  assertEquals(
    await detailOf("GET", "/v1/orders?foo=1"),
    "The request is not valid at query/foo: There is no such field.",
  );
  assertEquals(
    await detailOf("GET", "/v1/orders?limit=0"),
    "The request is not valid at query/limit: must be at least 1",
  );
  assertEquals(await detailOf("POST", "/v1/orders", []), "The body is not valid: must be an object");
});

Deno.test("a JSON body that is not UTF-8 is refused, rather than stored with its letters lost", async () => {
  await using app = await startTestApp();
  const { token } = await app.user();
  const { sku } = await addProduct(app);
  const text = JSON.stringify(orderBody({ [sku]: 1 }, { note: "Zürich" }));
  const send = async (body: Uint8Array<ArrayBuffer>) => {
    const headers = { "Authorization": `Bearer ${token}`, "Content-Type": "application/json" };
    const response = await app.fetch(
      new Request("http://waybill.test/v1/orders", { method: "POST", headers, body }),
    );
    return { status: response.status, body: await response.json() };
  };
  const refused = await send(Uint8Array.from(text, (letter) => letter.charCodeAt(0)));
  assertEquals([refused.status, refused.body.code], [400, "malformed_json"]);
  assertEquals(refused.body.detail, "The body is not UTF-8, which JSON is sent in.");
  const placed = await send(new TextEncoder().encode(text));
  assertEquals([placed.status, placed.body.note], [201, "Zürich"]);
});

Deno.test("a compressed body is refused as such, rather than read as what it is not", async () => {
  await using app = await startTestApp();
  const { token } = await app.user("staff");
  const bodies = [
    ["/v1/products", "application/json", '{"sku":"MUG","name":"Mug"}'],
    ["/v1/products/import", "application/x-ndjson", '{"sku":"MUG","name":"Mug"}\n'],
    ["/v1/token", "application/x-www-form-urlencoded", "grant_type=password&username=a@b.co&password=x"],
  ];
  for (const [path, type, text] of bodies) {
    const body = new Blob([text!]).stream().pipeThrough(new CompressionStream("gzip"));
    const headers = { Authorization: `Bearer ${token}`, "Content-Type": type!, "Content-Encoding": "gzip" };
    const request = new Request(`http://waybill.test${path}`, { method: "POST", headers, body });
    const answer = await app.fetch(request);
    assertEquals([answer.status, (await answer.json()).code], [415, "unsupported_media_type"], path);
  }
});

Deno.test("a body that is said to be as it is, is read", async () => {
  await using app = await startTestApp();
  const { token } = await app.user("staff");
  for (const coding of ["identity", "Identity", ""]) {
    const headers = { "Content-Encoding": coding };
    const answer = await app.request("POST", "/v1/carts", { token, body: { currency: "EUR" }, headers });
    assertEquals(answer.status, 201, coding);
  }
});

Deno.test("a body that breaks off is told as what it is, and is no fault of ours", async () => {
  await using server = await startTestServer();
  const { app, url } = server;
  const { token } = await app.user("staff");
  const bodies = [["/v1/carts", "application/json"], ["/v1/trade/exchange-rates", "text/csv"], [
    "/v1/payment-webhooks/sandbox",
    "application/json",
  ], ["/v1/token", "application/x-www-form-urlencoded"]];
  for (const [path, type] of bodies) {
    for (const length of ["Content-Length: 1000\r\n\r\n", "Transfer-Encoding: chunked\r\n\r\n5\r\n"]) {
      using connection = await Deno.connect({ hostname: "127.0.0.1", port: Number(new URL(url).port) });
      const head = `POST ${path} HTTP/1.1\r\nHost: waybill\r\nAuthorization: Bearer ${token}\r\n`;
      await connection.write(new TextEncoder().encode(`${head}Content-Type: ${type}\r\n${length}{"a`));
      await connection.closeWrite();
      const answer = await new Response(connection.readable).text();
      assertEquals(
        [answer.slice(9, 12), answer.includes('"detail":"The body broke off."')],
        ["422", true],
        `${path}: ${answer}`,
      );
    }
  }
});
