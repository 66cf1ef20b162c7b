import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import {
  assertProblem,
  call,
  contents,
  goodBody,
  inWorld,
  leastToken,
  type Operation,
  operations,
  pathOf,
  resolve,
  type World,
} from "./operations.ts";
import { INJECTED, nasty } from "./nasty.ts";

// deno-lint-ignore no-explicit-any
type Json = any;

/** A provider's webhook is no JSON of ours: what counts is whether its bytes are signed. */
const takesJson = ({ id, contentTypes }: Operation) =>
  contentTypes.includes("application/json") && id !== "receivePaymentWebhook";

/** Free maps of the caller's own, where any key is welcome. */
const FREE = new Set(["metadata", "attributes"]);

/** Every object in a body, with the schema's own names for what it may hold. */
function objectsIn(
  schema: Json,
  value: Json,
  pointer = "",
): { pointer: string; value: Json; known: Set<string> }[] {
  const branches = [resolve(schema), ...(resolve(schema)?.anyOf ?? []), ...(resolve(schema)?.oneOf ?? [])]
    .map(resolve);
  if (Array.isArray(value)) {
    const items = branches.find((branch) => branch?.items)?.items;
    return value.flatMap((entry, i) => objectsIn(items, entry, `${pointer}/${i}`));
  }
  if (value === null || typeof value !== "object") return [];
  const properties: Record<string, Json> = Object.assign({}, ...branches.map((branch) => branch?.properties));
  const inner = Object.entries(value).filter(([key]) => !FREE.has(key))
    .flatMap(([key, entry]) => objectsIn(properties[key], entry, `${pointer}/${key}`));
  return [{ pointer, value, known: new Set(Object.keys(properties)) }, ...inner];
}

Deno.test("no body sets a field that is not its own: 422 that points at it, and nothing changes", async () => {
  await inWorld(async (world) => {
    const targets = operations.filter(takesJson);
    assert(targets.length >= 10, "the JSON routes were not found");
    for (const operation of targets) {
      const body = structuredClone(goodBody(operation, world));
      const before = await contents(world);
      for (const { pointer, value, known } of objectsIn(operation.schema, body)) {
        for (const [field, content] of Object.entries(INJECTED)) {
          if (known.has(field)) continue;
          value[field] = content;
          const token = leastToken(world, operation) && world.admin.token;
          for (const caller of new Set([leastToken(world, operation), token])) {
            const what = `${operation.name} with ${pointer}/${field}`;
            const answer = await call(world, operation, caller, { body });
            assertEquals([answer.status, answer.body.code], [422, "invalid_request"], what);
            const pointers = answer.body.errors.map((error: Json) => error.pointer);
            assert(pointers.includes(`${pointer}/${field}`), `${what}: ${pointers}`);
          }
          delete value[field];
        }
      }
      assertEquals(await contents(world), before, operation.name);
    }
  });
});

Deno.test("fields that are for higher roles are refused from lower ones, and nothing changes", async () => {
  await inWorld(async (world) => {
    const { app, owner, stranger, staff, admin, order, product } = world;
    const place = goodBody(operations.find(({ id }) => id === "placeOrder")!, world);
    const attempts: [token: string, method: string, path: string, body: Json][] = [
      [owner.token, "POST", "/v1/orders", { ...place, user_id: stranger.id }],
      [owner.token, "POST", "/v1/orders", { ...place, placed_at: "2020-01-01T00:00:00Z" }],
      [owner.token, "POST", "/v1/orders", { ...place, external_reference: "X-1" }],
      [owner.token, "POST", "/v1/orders", {
        ...place,
        items: [{ sku: product.sku, quantity: 1, unit_price: 0 }],
      }],
      ...["PAID", "PROCESSING", "SHIPPED", "DELIVERED", "REFUNDED", "EXPIRED"].map((
        status,
      ): [string, string, string, Json] => [owner.token, "PATCH", `/v1/orders/${order.id}`, { status }]),
      [staff.token, "POST", "/v1/users", { email: "new@example.com", role: "admin" }],
      [staff.token, "POST", "/v1/users", { email: "new@example.com", role: "staff" }],
      [staff.token, "PATCH", `/v1/users/${owner.id}`, { role: "staff" }],
      [staff.token, "PATCH", `/v1/users/${staff.id}`, { role: "admin" }],
      [staff.token, "PATCH", `/v1/users/${admin.id}`, { disabled: true }],
      [staff.token, "POST", `/v1/users/${admin.id}/password-token`, undefined],
    ];
    const before = await contents(world);
    for (const [token, method, path, body] of attempts) {
      const { status } = await app.request(method, path, { token, body });
      // 409: no order may skip there, whoever asks.
      const refused = body?.status && body.status !== "PAID" ? [403, 409] : [403];
      assert(refused.includes(status), `${status}: ${method} ${path} ${JSON.stringify(body)}`);
    }
    assertEquals(await contents(world), before);
  });
});

/** A good body with one or two of its values, wherever they stand, replaced, added or left out. */
function spoiled(good: Json): fc.Arbitrary<Json> {
  const paths: (string | number)[][] = [];
  const walk = (value: Json, path: (string | number)[]) => {
    paths.push(path);
    if (value !== null && typeof value === "object") {
      for (const key of Object.keys(value)) {
        walk(value[key], [...path, Array.isArray(value) ? Number(key) : key]);
      }
    }
  };
  walk(good, []);
  const change = fc.record({ path: fc.constantFrom(...paths), value: nasty, leaveOut: fc.boolean() });
  return fc.array(change, { minLength: 1, maxLength: 2 }).map((changes) => {
    let body = structuredClone(good);
    for (const { path, value: shared, leaveOut } of changes) {
      // Its own, or the same value twice would hold itself.
      const value = structuredClone(shared);
      const last = path.at(-1);
      if (last === undefined) {
        body = value;
        continue;
      }
      const parent = path.slice(0, -1).reduce((at, key) => at?.[key], body);
      if (parent === null || typeof parent !== "object") continue;
      if (leaveOut) delete parent[last];
      else parent[last] = value;
    }
    return body;
  });
}

interface Garbage {
  query: [string, Json][];
  path: string | undefined;
  body: Json;
  raw: string | undefined;
  contentType: string | undefined;
  headers: Record<string, string>;
}

const latin = fc.string({
  unit: fc.integer({ min: 0x21, max: 0x7e }).map((code) => String.fromCharCode(code)),
});

function garbageFor(operation: Operation, world: World): fc.Arbitrary<Garbage> {
  const names = operation.parameters.filter((parameter) => parameter.in === "query").map(({ name }) => name);
  const good = goodBody(operation, world);
  return fc.record({
    query: fc.array(
      fc.tuple(
        fc.oneof({ weight: 5, arbitrary: fc.constantFrom(...names, "limit") }, {
          weight: 1,
          arbitrary: latin,
        }),
        nasty,
      ),
      { maxLength: names.length > 0 ? 3 : 1 },
    ),
    path: fc.option(
      fc.oneof(
        fc.constantFrom(
          "%00",
          "%ff",
          "%C0%80",
          "%E0%A4",
          "%2F",
          "a%2Fb",
          "%ED%A0%80",
          "~",
          "a".repeat(3000),
          "%0d%0a",
        ),
        nasty.map((value) =>
          encodeURIComponent(String(typeof value === "object" ? "x" : value).toWellFormed())
        ),
      ).filter((segment) => segment !== "" && !/^(\.|%2e)+$/i.test(segment)),
      { freq: 2, nil: undefined },
    ),
    body: good === undefined || typeof good !== "object" ? nasty : spoiled(good),
    raw: fc.option(
      fc.constantFrom(
        "",
        "{",
        "[1,",
        '{"a":1}x',
        "\0",
        "nul",
        "\ufeff{}",
        '{"a":"\n"}',
        "a=%ff&grant_type=%00",
        "sku\n\0\n",
      ),
      { freq: 5, nil: undefined },
    ),
    contentType: fc.option(
      fc.constantFrom(
        "text/plain",
        "application/json; charset=utf-16",
        "application/xml",
        "multipart/form-data",
        "x",
        "",
      ),
      { freq: 5, nil: undefined },
    ),
    headers: fc.dictionary(
      fc.constantFrom(
        "If-Match",
        "If-None-Match",
        "Idempotency-Key",
        "X-Request-Id",
        "X-Forwarded-For",
        "Accept",
      ),
      latin,
      { maxKeys: 2 },
    ),
  });
}

function sendGarbage(world: World, operation: Operation, garbage: Garbage, token: string | undefined) {
  const query = garbage.query.map(([name, value]) =>
    [name, typeof value === "string" ? value : JSON.stringify(value)].map((part) =>
      encodeURIComponent(part.toWellFormed())
    )
      .join("=")
  ).join("&");
  const path = garbage.path === undefined
    ? pathOf(world, operation)
    : operation.template.replace(/\{[^}]+\}/g, () => garbage.path!);
  const type = garbage.contentType ?? operation.contentTypes[0];
  const text =
    operation.contentTypes[0] === "application/x-www-form-urlencoded" && typeof garbage.body === "object"
      ? Object.entries(garbage.body ?? {}).map((pair) =>
        pair.map((part) =>
          encodeURIComponent(String(part && typeof part === "object" ? "x" : part).toWellFormed())
        ).join("=")
      ).join("&")
      : JSON.stringify(garbage.body);
  return world.app.request(operation.method, query ? `${path}?${query}` : path, {
    token,
    body: operation.contentTypes.length > 0 ? garbage.raw ?? text : undefined,
    headers: { ...garbage.headers, ...type !== undefined && { "Content-Type": type } },
  });
}

Deno.test("garbage on every route never breaks it, and is refused in the form that the document says", async () => {
  await inWorld(async (world) => {
    for (const operation of operations) {
      await fc.assert(
        fc.asyncProperty(garbageFor(operation, world), async (garbage) => {
          const what = `${operation.name} ${JSON.stringify(garbage).slice(0, 2000)}`;
          const answer = await sendGarbage(
            world,
            operation,
            garbage,
            leastToken(world, operation) && world.admin.token,
          );
          assert(answer.status < 500, `${answer.status} for ${what}`);
          if (answer.status < 400) return;
          assertProblem(answer, what);
          if (answer.body.code !== "invalid_request") return;
          assert(answer.body.errors?.length > 0, `no field is named for ${what}: ${answer.body.detail}`);
          for (const { pointer } of answer.body.errors) {
            assert(/^(\/|query\/|path\/|header\/|$)/.test(pointer), `${pointer} for ${what}`);
          }
        }),
        { numRuns: 30 },
      );
    }
  });
});

Deno.test("OAuth's form takes what it does not know, and gives no more for it", async () => {
  await inWorld(async ({ app }) => {
    const credentials = { email: "anna@example.com", password: "violet-harbour-42-lamp" };
    await app.request("POST", "/v1/register", { body: credentials });
    const { body } = await app.request("POST", "/v1/token", {
      form: {
        grant_type: "password",
        username: credentials.email,
        password: credentials.password,
        role: "admin",
        scope: "admin",
      },
    });
    const me = await app.request("GET", "/v1/me", { token: body.access_token });
    assertEquals([me.status, me.body.role], [200, "customer"]);
    assertEquals((await app.request("GET", "/v1/users", { token: body.access_token })).status, 403);
  });
});

/** Each value in a body, as a way to put another in its place. */
function places(
  value: Json,
  body: Json = { value },
  at: Json = body,
  key: string | number = "value",
): ((other: Json) => Json)[] {
  const put = (other: Json) => {
    const kept = at[key];
    at[key] = other;
    const text = JSON.stringify(body.value);
    at[key] = kept;
    return text;
  };
  if (value === null || typeof value !== "object") return [put];
  return [put, ...Object.keys(value).flatMap((inner) => places(value[inner], body, value, inner))];
}

Deno.test("values that PostgreSQL cannot hold are refused in every field by name, not by the database", async () => {
  await inWorld(async (world) => {
    for (const operation of operations.filter(takesJson)) {
      for (const put of places(structuredClone(goodBody(operation, world)))) {
        for (
          const value of ["a\0b", "\0".repeat(12), "abcdefghijk\ud800", 1e308, 9007199254740993, -2147483649]
        ) {
          const body = put(value);
          const answer = await call(world, operation, leastToken(world, operation) && world.admin.token, {
            body,
          });
          assert(answer.status < 500, `${operation.name}: ${body}`);
          if (answer.body?.code === "invalid_request") {
            assert(answer.body.errors?.length > 0, `${operation.name}: ${body}`);
          }
        }
      }
    }
  });
});
