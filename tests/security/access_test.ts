import { assert, assertEquals, assertNotEquals, assertStringIncludes } from "@std/assert";
import { createApp } from "../../src/app.ts";
import { covers, SCOPES } from "../../src/platform/areas.ts";
import { newId } from "../../src/platform/id.ts";
import { addProduct } from "../support/orders.ts";
import { startTestApp } from "../support/app.ts";
import {
  assertProblem,
  call,
  contents,
  goodBody,
  inWorld,
  isOwned,
  mayCall,
  operations,
  pathOf,
  telling,
  unpoliced,
} from "./operations.ts";

/** Routes that are no calls of the API: what Swagger UI, the page of jobs and the sandbox's bank need. */
const BESIDE_THE_DOCUMENT =
  /^(GET \/(docs(\/.+)?|(openapi|asyncapi)\.json|admin(\/page\.(js|css))?)|(GET|POST) \/sandbox\/3ds\/\{reference\})$/;

Deno.test("every route stands in the document and says who may call it", async () => {
  assertEquals(unpoliced(), [], "routes without x-policy");
  await using app = await startTestApp();
  const described = new Set(operations.map(({ name }) => name));
  const undescribed = createApp(app.deps).routes
    .filter(({ method }) => method !== "ALL")
    .map(({ method, path }) => `${method} ${path.replace(/:(\w+)/g, "{$1}")}`)
    .filter((name) => !described.has(name) && !BESIDE_THE_DOCUMENT.test(name));
  assertEquals([...new Set(undescribed)], []);
});

Deno.test("a call says to people that it is staff's where customers are refused, and nowhere else", () => {
  for (const operation of operations) {
    const isStaffs = !mayCall("customer", operation);
    assertEquals(operation.description?.startsWith("Staff only.") ?? false, isStaffs, operation.name);
  }
});

Deno.test("each role is refused on exactly the routes that are above it, before anything else is looked at", async () => {
  await inWorld(async (world) => {
    const callers = { anonymous: undefined, customer: world.owner, staff: world.staff, admin: world.admin };
    for (const operation of operations) {
      for (const [role, user] of Object.entries(callers) as [keyof typeof callers, typeof world.owner][]) {
        const what = `${operation.name} by ${role}`;
        const answer = await call(world, operation, user?.token);
        if (mayCall(role, operation)) {
          assert(!["unauthenticated", "forbidden"].includes(answer.body?.code), `${what}: ${answer.status}`);
          continue;
        }
        const expected = role === "anonymous" ? [401, "unauthenticated"] : [403, "forbidden"];
        const before = await contents(world);
        for (
          const variant of [
            answer,
            await call(world, operation, user?.token, { path: pathOf(world, operation, "missing") }),
            await call(world, operation, user?.token, { body: "no body at all" }),
            await world.app.request(operation.method, pathOf(world, operation), { token: user?.token }),
          ]
        ) {
          assertEquals([variant.status, variant.body.code], expected, what);
          assertProblem(variant, what);
        }
        assertEquals(await contents(world), before, what);
      }
    }
  });
});

Deno.test("an admin's API key is let into the calls of its scopes and refused on all others, before anything else", async () => {
  await inWorld(async (world) => {
    const keys = new Map<string, Promise<string>>();
    const keyFor = (scopes: string[]) => {
      const create = async () => {
        const body = { name: "Limited", scopes };
        return (await world.app.request("POST", "/v1/api-keys", { token: world.admin.token, body })).body.key;
      };
      return keys.getOrInsertComputed(scopes.join(), create);
    };
    for (const operation of operations.filter(({ scope }) => scope !== undefined)) {
      const scope = operation.scope!;
      const let_in = await call(world, operation, await keyFor([scope]));
      assert(!["unauthenticated", "forbidden"].includes(let_in.body?.code), `${operation.name} by ${scope}`);
      const others = await keyFor(SCOPES.filter((each) => !covers([each], scope)));
      assertEquals((await call(world, operation, others)).status, 403, operation.name);
      const before = await contents(world);
      for (
        const refused of [
          await call(world, operation, others, { path: pathOf(world, operation, "missing") }),
          await call(world, operation, others, { body: "no body at all" }),
        ]
      ) {
        assertEquals([refused.status, refused.body.code], [403, "forbidden"], operation.name);
        assertStringIncludes(refused.body.detail, `not for ${scope}`);
        assertProblem(refused, operation.name);
      }
      assertEquals(await contents(world), before, operation.name);
    }
    assert(operations.filter(({ scope }) => scope === undefined).length < 20);
  });
});

Deno.test("a key of staff's is refused on exactly the routes that are above staff, whatever it is for", async () => {
  await inWorld(async (world) => {
    const makeKey = async (scopes?: readonly string[]) => {
      const body = { name: "Clerk", scopes };
      return (await world.app.request("POST", "/v1/api-keys", { token: world.staff.token, body })).body.key;
    };
    for (const key of [await makeKey(), await makeKey(SCOPES)]) {
      for (const operation of operations) {
        const { status, body } = await call(world, operation, key);
        const isRefused = status === 403 && body.code === "forbidden";
        assertEquals(isRefused, !mayCall("staff", operation), `${operation.name}: ${status}`);
      }
    }
  });
});

Deno.test("HEAD tells a caller no more than GET would, and how long that is", async () => {
  await inWorld(async (world) => {
    for (const operation of operations.filter(({ method }) => method === "GET")) {
      const path = pathOf(world, operation);
      for (const token of [undefined, world.stranger.token, world.owner.token, world.admin.token]) {
        const get = await world.app.request("GET", path, { token });
        const headers: HeadersInit = token === undefined ? {} : { Authorization: `Bearer ${token}` };
        const head = await world.app.fetch(
          new Request(`http://waybill.test${path}`, { method: "HEAD", headers }),
        );
        assertEquals([head.status, await head.text()], [get.status, ""], operation.name);
        const length = head.headers.get("Content-Length");
        if (get.headers.get("Content-Type") !== "text/event-stream") {
          assert(Number(length) > 0, `${operation.name}: ${length}`);
        }
      }
    }
  });
});

Deno.test("another's object answers like one that is not there, on every route that names one", async () => {
  await inWorld(async (world) => {
    const owned = operations.filter(isOwned);
    assert(owned.length >= 8, "the owned routes were not found");
    for (const operation of owned) {
      const isStaffs = operation.policy === "staff" || operation.policy === "admin";
      const refused = isStaffs || operation.template === "/v1/orders/user/{user_id}" ? 403 : 404;
      const existing = pathOf(world, operation);
      const missing = pathOf(world, operation, "missing");
      const hasBody = operation.contentTypes.length > 0;
      const bodies = hasBody ? [goodBody(operation, world), {}, { no_such_field: 1 }] : [undefined];
      const conditions: Record<string, string>[] = [{}, { "If-Match": '"1"' }, { "If-Match": '"7"' }, {
        "If-None-Match": '"1"',
      }];
      const before = await contents(world);
      for (const warm of [false, true]) {
        if (warm) {
          await world.app.request("GET", `/v1/orders/${world.order.id}`, { token: world.owner.token });
        }
        for (const body of bodies) {
          for (const headers of conditions) {
            const options = { body, headers };
            const what = `${operation.name} ${JSON.stringify(options)}`;
            const [theirs, none, shouted] = [
              await call(world, operation, world.stranger.token, { ...options, path: existing }),
              await call(world, operation, world.stranger.token, { ...options, path: missing }),
              await call(world, operation, world.stranger.token, {
                ...options,
                path: existing.replace(/[^/]{36}/, (id) => id.toUpperCase()),
              }),
            ];
            assertEquals(telling(theirs), telling(none), what);
            assertEquals(telling(shouted), telling(none), what);
            const mayBeInvalid = body !== undefined && body !== bodies[0] && refused === 404;
            assert(
              theirs.status === refused || (mayBeInvalid && theirs.status === 422),
              `${theirs.status}: ${what}`,
            );
          }
        }
      }
      assertEquals(await contents(world), before, operation.name);
      if (isStaffs) continue;
      const own = await call(world, operation, world.owner.token);
      assert(own.status < 300, `${own.status}: ${operation.name} by its owner: ${JSON.stringify(own.body)}`);
    }
  });
});

Deno.test("lists never show a customer what is another's, whatever they filter by", async () => {
  await inWorld(async (world) => {
    const { app, owner, stranger, order, product } = world;
    for (
      const filter of [
        "",
        `?number=${order.number}`,
        `?sku=${product.sku}`,
        "?status=PENDING",
        "?sort=created_at",
      ]
    ) {
      const { status, body } = await app.request("GET", `/v1/orders${filter}`, { token: stranger.token });
      assertEquals([status, body.data], [200, []], filter);
      const own = await app.request("GET", `/v1/orders${filter}`, { token: owner.token });
      assert(own.body.data.length > 0, filter);
    }
    for (const path of ["/v1/carts", "/v1/notifications", "/v1/events", "/v1/reward-redemptions"]) {
      const { status, body } = await app.request("GET", path, { token: stranger.token });
      // What happened to the points that the stranger was given is their own.
      const others = body.data.filter((each: { aggregate?: { id: string } }) =>
        each.aggregate?.id !== stranger.id
      );
      assertEquals([status, others], [200, []], path);
      assert((await app.request("GET", path, { token: owner.token })).body.data.length > 0, path);
    }
    for (const id of [owner.id, newId()]) {
      const { status } = await app.request("GET", `/v1/orders?user_id=${id}`, { token: stranger.token });
      assertEquals(status, 403);
    }
  });
});

Deno.test("what one caller brought into the cache is decided on anew for the next", async () => {
  await inWorld(async ({ app, owner, stranger, staff, order }) => {
    const path = `/v1/orders/${order.id}`;
    await app.request("GET", path, { token: owner.token });
    for (const token of [owner.token, staff.token]) {
      const { status, headers } = await app.request("GET", path, { token });
      assertEquals([status, headers.get("X-Cache-Status")], [200, "HIT"]);
    }
    for (const token of [stranger.token, undefined, "a.b.c"]) {
      const answer = await app.request("GET", path, { token });
      assertEquals(answer.status, token === stranger.token ? 404 : 401);
      assertEquals(answer.headers.get("X-Cache-Status"), null, "it would tell that the order exists");
      assertEquals(answer.headers.get("ETag"), null);
    }

    const draft = await addProduct(app, { status: "draft" });
    const drafts = "/v1/products?status=draft";
    for (let round = 0; round < 2; round++) {
      assertEquals((await app.request("GET", drafts, { token: staff.token })).body.data.length, 1);
      assertEquals((await app.request("GET", drafts, { token: stranger.token })).status, 403);
      assertEquals((await app.request("GET", drafts)).status, 401);
      for (const ref of [draft.id, draft.sku]) {
        const shown = await app.request("GET", `/v1/products/${ref}`, { token: staff.token });
        assertEquals(shown.status, 200);
        for (const token of [stranger.token, undefined]) {
          const hidden = await app.request("GET", `/v1/products/${ref}`, { token });
          const none = await app.request("GET", `/v1/products/${newId()}`, { token });
          assertEquals(telling(hidden).rest, telling(none).rest);
        }
      }
    }
  });
});

Deno.test("a demoted or disabled member of staff is out at once, on every route that staff may call", async () => {
  const staffOnly = operations.filter(({ policy }) => policy === "staff" || policy === "admin");
  assert(staffOnly.length >= 10, "the staff's routes were not found");
  for (const change of [{ role: "customer" }, { disabled: true }]) {
    await inWorld(async (world) => {
      const { app, admin, order } = world;
      const clerk = await app.user("admin");
      for (const operation of staffOnly) {
        const answer = await call(world, operation, clerk.token);
        assertNotEquals(answer.body?.code, "forbidden", operation.name);
      }
      const read = () => app.request("GET", `/v1/orders/${order.id}`, { token: clerk.token });
      assertEquals((await read()).status, 200);
      const { status } = await app.request("PATCH", `/v1/users/${clerk.id}`, {
        token: admin.token,
        body: change,
      });
      assertEquals(status, 200);
      const refusal = change.disabled ? 401 : 403;
      for (const operation of staffOnly) {
        assertEquals((await call(world, operation, clerk.token)).status, refusal, operation.name);
      }
      assertEquals((await read()).status, change.disabled ? 401 : 404);
    });
  }
});
