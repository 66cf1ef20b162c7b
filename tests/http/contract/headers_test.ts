import { assert, assertEquals, assertNotEquals } from "@std/assert";
import { openApiDocument } from "../../../src/app.ts";
import {
  call,
  inWorld,
  leastToken,
  type Operation,
  operations,
  pathOf,
  type World,
} from "../../security/operations.ts";

// deno-lint-ignore no-explicit-any -- the document is JSON
const { paths, components }: any = openApiDocument();

const answersOf = ({ template, method }: Operation) => paths[template][method.toLowerCase()].responses;
/** Things of the public calls are its owner's, too. */
const tokenFor = (world: World, operation: Operation) => leastToken(world, operation) ?? world.owner.token;
const isRevalidated = (operation: Operation) => "304" in answersOf(operation);

/** Things are read before they are changed, and deleted last. */
const TURNS = ["GET", "PATCH", "POST", "PUT", "DELETE"];
const inTurn = operations.toSorted((a, b) => TURNS.indexOf(a.method) - TURNS.indexOf(b.method));

Deno.test("ETag and Location, where the contract promises them, always come: it says so", () => {
  for (const name of ["ETag", "Location", "X-Request-Id", "RateLimit"]) {
    assertEquals(components.headers[name].required, true, name);
  }
});

Deno.test("Whatever has an ETag is changed and deleted under If-Match", () => {
  const changes = operations.filter(({ template, method }) =>
    ["PATCH", "PUT", "DELETE"].includes(method) &&
    "ETag" in (paths[template].get?.responses[200].headers ?? {})
  );
  assert(changes.length >= 10, "they were not found");
  for (const { name, parameters } of changes) {
    assert(parameters.some((parameter) => parameter.name === "If-Match"), name);
  }
});

Deno.test("every call that can be done well gives the headers that its answer promises, and no ETag or Location else", async () => {
  await inWorld(async (world) => {
    for (const operation of inTurn) {
      const { status, headers } = await call(world, operation, tokenFor(world, operation));
      const promised = answersOf(operation)[status]?.headers ?? {};
      for (const name of ["ETag", "Location"]) {
        assertEquals(headers.has(name), name in promised, `${operation.name} ${status}: ${name}`);
      }
      // What is never seen to come is not known to come.
      const unseen = status >= 400 && Object.values<{ headers?: object }>(answersOf(operation))
        .some((answer) => "ETag" in (answer.headers ?? {}) || "Location" in (answer.headers ?? {}));
      assert(!unseen, `${operation.name} answered ${status}: the world has nothing to do it with`);
    }
  });
});

Deno.test("a Location can be read by whoever was given it", async () => {
  await inWorld(async (world) => {
    let read = 0;
    for (const operation of operations.filter(({ method }) => method === "POST")) {
      const token = tokenFor(world, operation);
      const location = (await call(world, operation, token)).headers.get("Location");
      if (location === null) continue;
      // A registration gives no token yet.
      const reader = location.startsWith("/v1/users/") ? world.admin.token : token;
      const { status } = await world.app.request("GET", location, { token: reader });
      assertEquals(status, 200, `${operation.name}: ${location}`);
      read++;
    }
    assert(read >= 14, `only ${read} calls gave a Location`);
  });
});

Deno.test("If-None-Match is declared where a 304 is, and answers it for the ETag that was given and for any, not for another", async () => {
  await inWorld(async (world) => {
    for (const operation of operations) {
      const declared = operation.parameters.some(({ name }) => name === "If-None-Match");
      assertEquals(declared, isRevalidated(operation), operation.name);
      if (declared) await assertRevalidates(world, operation);
    }
  });
});

async function assertRevalidates(world: World, operation: Operation): Promise<void> {
  const token = tokenFor(world, operation);
  const ask = (known: string) =>
    world.app.request("GET", pathOf(world, operation), { token, headers: { "If-None-Match": known } });
  const { status, headers } = await ask('"other"');
  assertEquals(status, 200, operation.name);
  const tag = headers.get("ETag")!;
  for (const known of [tag, `W/${tag}`, `"other", ${tag}`, "*"]) {
    const unchanged = await ask(known);
    assertEquals([unchanged.status, unchanged.body], [304, ""], `${operation.name} with ${known}`);
    assertEquals(unchanged.headers.get("ETag"), tag);
  }
}

Deno.test("a payment's ETag is new with everything that it shows, refunds under way among it", async () => {
  await inWorld(async ({ app, owner, books: { paid } }) => {
    const path = `/v1/payments/${paid.paymentId}`;
    const before = await app.request("GET", path, { token: owner.token });
    // As when a refund begins: the payment keeps its version.
    await app.deps.sql`update payments set amount_refunding = 1 where id = ${paid.paymentId}`;
    const headers = { "If-None-Match": before.headers.get("ETag")! };
    const after = await app.request("GET", path, { token: owner.token, headers });
    assertEquals([after.status, after.body.version], [200, before.body.version]);
    assertNotEquals(after.headers.get("ETag"), before.headers.get("ETag"));
  });
});
