import { assert, assertEquals, assertNotEquals } from "@std/assert";
import { call, goodBody, inWorld, isOwned, leastToken, operations } from "./operations.ts";

const idempotent = operations.filter(({ parameters }) =>
  parameters.some(({ name }) => name === "Idempotency-Key")
);

/** Calls that can be made once on what there is: another key is refused by what was done, and by nothing of the key. */
const ONCE = new Set(["checkOut", "receiveReturn", "refundReturn"]);

Deno.test("another's Idempotency-Key shows nothing of their answer, on every route that takes one", async () => {
  assert(idempotent.length >= 14, "the routes with Idempotency-Key were not found");
  await inWorld(async (world) => {
    for (const operation of idempotent) {
      const what = operation.name;
      const [mine, theirs] = operation.policy === "user"
        ? [world.owner.token, world.stranger.token]
        : [world.staff.token, world.admin.token];
      const headers = { "Idempotency-Key": `shared-key-${operation.id}` };
      const body = goodBody(operation, world);
      const first = await call(world, operation, mine, { body, headers });
      assertEquals(first.status, 201, `${what}: give goodBody in operations.ts a body that works`);

      const repeated = await call(world, operation, mine, { body, headers });
      assertEquals([repeated.status, repeated.headers.get("Idempotency-Replayed")], [201, "true"], what);
      assertEquals(repeated.body, first.body, what);

      const same = await call(world, operation, theirs, { body, headers });
      assertEquals(same.headers.get("Idempotency-Replayed"), null, what);
      assertNotEquals(same.body, first.body, what);

      const another = { ...headers, "Idempotency-Key": `second-key-${operation.id}` };
      await call(world, operation, mine, { body: goodBody(operation, world), headers: another });
      const other = await call(world, operation, theirs, { body: { ...body, no_such: 1 }, headers: another });
      assertNotEquals(
        other.body.code,
        "idempotency_key_reused",
        `${what}: it would tell that the key is taken`,
      );
      const fresh = await call(world, operation, theirs, {
        body: goodBody(operation, world),
        headers: another,
      });
      assertEquals(fresh.headers.get("Idempotency-Replayed"), null, what);
      if (operation.policy === "user" && isOwned(operation)) assertEquals(fresh.status, 404, what);
      else if (!ONCE.has(operation.id)) assertEquals(fresh.status, 201, what);
      else assertNotEquals(fresh.body.code, "idempotency_key_reused", what);
    }
  });
});

Deno.test("a key that was used on one route means nothing on the others", async () => {
  await inWorld(async (world) => {
    const headers = { "Idempotency-Key": "one-key-for-all" };
    for (const operation of idempotent) {
      const token = leastToken(world, operation) ?? world.owner.token;
      const answer = await call(world, operation, token, { headers });
      assertEquals([answer.status, answer.headers.get("Idempotency-Replayed")], [201, null], operation.name);
    }
  });
});

Deno.test("a caller who lost the role gets no replay of what was done with it", async () => {
  await inWorld(async (world) => {
    const clerk = await world.app.user("staff");
    const answers = [];
    for (const operation of idempotent.filter(({ policy }) => policy === "staff")) {
      const headers = { "Idempotency-Key": `before-${operation.id}` };
      const body = goodBody(operation, world);
      assertEquals(
        (await call(world, operation, clerk.token, { body, headers })).status,
        201,
        operation.name,
      );
      answers.push({ operation, body, headers });
    }
    await world.app.deps.sql`update users set role = 'customer' where id = ${clerk.id}`;
    for (const { operation, ...options } of answers) {
      const { status, headers } = await call(world, operation, clerk.token, options);
      assertEquals([status, headers.get("Idempotency-Replayed")], [403, null], operation.name);
    }
  });
});
