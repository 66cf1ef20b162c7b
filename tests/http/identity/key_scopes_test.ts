import { assertEquals } from "@std/assert";
import { openApiDocument } from "../../../src/app.ts";
import { AREAS } from "../../../src/platform/areas.ts";
import { startTestApp, type TestApp } from "../../support/app.ts";
import { eventsOf } from "../../support/orders.ts";

const createKey = (app: TestApp, token: string, scopes?: unknown) =>
  app.request("POST", "/v1/api-keys", { token, body: { name: "Warehouse", scopes } });

Deno.test("A key says what it is for, and all that its user may do if it says nothing", async () => {
  await using app = await startTestApp();
  const { token } = await app.user("staff");
  const limited = await createKey(app, token, ["orders:read", "shipments:write", "orders:read"]);
  assertEquals([limited.status, limited.body.scopes], [201, ["orders:read", "shipments:write"]]);
  const { body: read } = await app.request("GET", `/v1/api-keys/${limited.body.id}`, { token });
  assertEquals(read.scopes, limited.body.scopes);
  const [created] = await eventsOf(app, "api_key", limited.body.id);
  assertEquals(created!.data.scopes, limited.body.scopes);
  assertEquals((await createKey(app, token)).body.scopes, null);
  assertEquals((await createKey(app, token, [])).status, 422);
  const { status, body } = await createKey(app, token, ["orders:read", "order:read"]);
  assertEquals([status, body.errors[0].pointer], [422, "/scopes/1"]);
});

Deno.test("`:write` has `:read` in it, and neither has another area", async () => {
  await using app = await startTestApp();
  const { token } = await app.user("staff");
  const statuses = async (...scopes: string[]) => {
    const { body: { key } } = await createKey(app, token, scopes);
    const read = await app.request("GET", "/v1/orders", { token: key });
    const write = await app.request("POST", "/v1/orders", { token: key, body: {} });
    const other = await app.request("GET", "/v1/refunds", { token: key });
    return [read.status, write.status, other.status];
  };
  assertEquals(await statuses("orders:read"), [200, 403, 403]);
  assertEquals(await statuses("orders:write"), [200, 422, 403]);
  assertEquals(await statuses("payments:read"), [403, 403, 200]);
  assertEquals(await statuses("orders:write", "payments:write"), [200, 422, 200]);
});

Deno.test("A scope gives nobody more than its user may do", async () => {
  await using app = await startTestApp();
  const { token } = await app.user("staff");
  const { body: { key } } = await createKey(app, token, ["identity:write"]);
  const make = async (role: string) => {
    const body = { email: `${role}-${crypto.randomUUID()}@example.com`, role };
    return (await app.request("POST", "/v1/users", { token: key, body })).status;
  };
  assertEquals([await make("customer"), await make("admin")], [201, 403]);
});

Deno.test("A limited key makes keys for no more than it may do itself", async () => {
  await using app = await startTestApp();
  const { token } = await app.user("admin");
  const { body: { key } } = await createKey(app, token, ["identity:write", "orders:write"]);
  for (const wider of [undefined, ["orders:write", "payments:read"]]) {
    const { status, body } = await createKey(app, key, wider);
    assertEquals([status, body.code, body.errors[0].pointer], [403, "forbidden", "/scopes"]);
  }
  const narrower = await createKey(app, key, ["orders:read"]);
  assertEquals([narrower.status, narrower.body.scopes], [201, ["orders:read"]]);
});

Deno.test("Every area of the document can be a key's, and every call is of one: to read it, or to write where it is no GET", () => {
  const { tags, paths } = openApiDocument();
  const areas: string[] = AREAS.map(({ name }) => name);
  assertEquals(tags!.map(({ name }) => name).filter((name) => name !== "Messages"), areas);
  for (
    const operations of Object.values<Record<string, { tags: string[]; "x-scope"?: string }>>(paths as never)
  ) {
    for (const [method, { tags, "x-scope": scope }] of Object.entries(operations)) {
      assertEquals(tags.filter((tag) => areas.includes(tag)), tags);
      if (scope !== undefined) {
        assertEquals(scope, `${tags[0]!.toLowerCase()}:${method === "get" ? "read" : "write"}`);
      }
    }
  }
});
