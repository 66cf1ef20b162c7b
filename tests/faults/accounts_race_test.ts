import { assert, assertEquals } from "@std/assert";
import { withConnection } from "../../tools/database_admin.ts";
import { Shopper, unitsOf } from "../http/carts/shopper.ts";
import { logIn, OTHER_PASSWORD, PASSWORD, refresh, tryLogIn } from "../http/identity/support.ts";
import { type Answer, startTestApp, type TestApp, type TestUser } from "../support/app.ts";
import { addExport, askQuote, openBorders, tryCheckOut } from "../support/checkout.ts";
import { assertEventsValid } from "../support/events.ts";
import { untilWaiting } from "../support/lock_waits.ts";
import { addProduct, assertBooksBalance, eventsOf, startAnother, tally } from "../support/orders.ts";
import { until } from "../support/until.ts";

const EMAIL = "gast@example.com";

async function newGuest(app: TestApp, email = EMAIL) {
  const { status, body } = await app.request("POST", "/v1/guests", { body: { email } });
  assertEquals(status, 201, JSON.stringify(body));
  return { id: body.user.id as string, token: body.access_token as string, refreshToken: body.refresh_token };
}

const registerGuest = (app: TestApp, { token }: { token: string }, password = PASSWORD) =>
  app.request("POST", "/v1/me/registration", { token, body: { password } });

const setPassword = (app: TestApp, token: string) =>
  app.request("POST", "/v1/password", { body: { token, new_password: OTHER_PASSWORD } });

const changeUser = (app: TestApp, { token }: TestUser, id: string, body: object) =>
  app.request("PATCH", `/v1/users/${id}`, { token, body });

async function passwordToken(app: TestApp, { token }: TestUser, id: string): Promise<string> {
  return (await app.request("POST", `/v1/users/${id}/password-token`, { token })).body.token;
}

async function createKey(app: TestApp, { token }: Pick<TestUser, "token">) {
  const { status, body } = await app.request("POST", "/v1/api-keys", { token, body: { name: "Warehouse" } });
  assertEquals(status, 201, JSON.stringify(body));
  return body as { id: string; key: string };
}

const me = (app: TestApp, token: string) => app.request("GET", "/v1/me", { token });
const revoke = (app: TestApp, token: string, id: string) =>
  app.request("DELETE", `/v1/api-keys/${id}`, { token });

/**
 * Has requests come one after the other to a user's row, for which they all wait. The first one gets it; of those
 * behind it any may be next.
 */
async function inLine(
  { deps }: TestApp,
  userId: string,
  requests: (() => Promise<Answer>)[],
): Promise<Answer[]> {
  const { answers } = await withConnection(deps.config.databaseUrl, (holder) =>
    holder.begin(async (tx) => {
      await tx`select from users where id = ${userId} for update`;
      const answers: Promise<Answer>[] = [];
      for (const request of requests) {
        answers.push(request());
        await untilWaiting(tx, { count: answers.length });
      }
      return { answers };
    }));
  return await Promise.all(answers);
}

/** What is told of a user: as many events as it has versions, the last of which is what it is now. */
async function assertTold(app: TestApp, id: string, staff: TestUser): Promise<Answer["body"]> {
  const { body } = await app.request("GET", `/v1/users/${id}`, { token: staff.token });
  const events = await eventsOf(app, "user", id);
  assertEquals(events.map(({ sequence }) => sequence), events.map((_, i) => i + 1));
  const { changes: _, password_changed: _too, ...last } = events.at(-1)!.data;
  assertEquals(last, body);
  return body;
}

Deno.test("Of two registrations of one guest at once one sets its password, and the other is told that it came second", async () => {
  await using app = await startTestApp();
  const staff = await app.user("staff");
  const guest = await newGuest(app);
  const answers = await inLine(app, guest.id, [
    () => registerGuest(app, guest, PASSWORD),
    () => registerGuest(app, guest, OTHER_PASSWORD),
  ]);
  assertEquals(tally(answers), { 200: 1, "409 email_taken": 1 });
  assertEquals(answers[1]!.body.detail, "This account can be logged in to already.");
  assertEquals((await tryLogIn(app, EMAIL, OTHER_PASSWORD)).status, 401);
  await logIn(app, EMAIL, PASSWORD);
  assertEquals((await assertTold(app, guest.id, staff)).version, 2);
  assertEquals((await refresh(app, guest.refreshToken)).body.code, "invalid_grant");
  await assertBooksBalance(app.deps.sql);
});

Deno.test("Of guests of one address and a stranger with it who register at once, in two processes, one has the account", async () => {
  await using app = await startTestApp({ DATABASE_POOL_SIZE: "20" });
  await using other = await startAnother(app);
  const staff = await app.user("staff");
  const winners = new Set<string>();
  // At least so often, and until a guest was first: who is depends on chance.
  for (let round = 0; round < 6 || (winners.size < 2 && round < 60); round++) {
    const email = `gast-${round}@example.com`;
    const guests = await Promise.all([email, email.toUpperCase()].map((each) => newGuest(app, each)));
    const asked: (() => Promise<Answer>)[] = [
      () => registerGuest(app, guests[0]!),
      () => registerGuest(other, guests[1]!),
      () => other.request("POST", "/v1/register", { body: { email, password: PASSWORD } }),
    ];
    // Whoever is about to have the address lets all others wait, and then gives it up.
    const answers = await withConnection(app.deps.config.databaseUrl, async (holder) => {
      const { promise, resolve } = Promise.withResolvers<Promise<Answer>[]>();
      await holder.begin(async (tx) => {
        await tx`insert into users (id, email) values (${crypto.randomUUID()}, ${email})`;
        const first = asked[round % 3]!();
        await untilWaiting(tx);
        const others = asked.map((ask, i) => i === round % 3 ? first : ask());
        await untilWaiting(tx, { count: 3 });
        resolve(others);
        throw new Error("given up");
      }).catch(() => {});
      return await Promise.all(await promise);
    });
    assertEquals(answers.map(({ status }) => status < 300 ? "done" : status).toSorted(), [409, 409, "done"]);
    for (const { body } of answers.filter(({ status }) => status === 409)) {
      assertEquals([body.code, body.errors[0].code], ["email_taken", "taken"]);
    }
    const winner = answers.find(({ status }) => status < 300)!.body.id;
    assertEquals((await me(app, (await logIn(app, email)).access_token)).body.id, winner);
    for (const { id, refreshToken } of guests) {
      const stillGuest = id !== winner;
      assertEquals((await assertTold(app, id, staff)).guest, stillGuest);
      assertEquals((await refresh(app, refreshToken)).status, stillGuest ? 200 : 401, "who lost goes on");
      winners.add(stillGuest ? "another" : "a guest");
    }
  }
  assertEquals(winners.size, 2);
  await assertBooksBalance(app.deps.sql);
});

Deno.test("Of a guest's password token that comes twice, and a registration with it, one sets the password", async () => {
  await using app = await startTestApp();
  const staff = await app.user("staff");
  const orders = [["token", "token", "registration"], ["registration", "token", "token"]];
  for (const [round, order] of orders.entries()) {
    const email = `gast-${round}@example.com`;
    const guest = await newGuest(app, email);
    const token = await passwordToken(app, staff, guest.id);
    const answers = await inLine(
      app,
      guest.id,
      order.map((what) => () => what === "token" ? setPassword(app, token) : registerGuest(app, guest)),
    );
    const first = order[0] === "token" ? OTHER_PASSWORD : PASSWORD;
    assertEquals(
      answers.map(({ status, body }) => status < 300 ? "done" : body.code),
      first === PASSWORD
        ? ["done", "invalid_grant", "invalid_grant"]
        : ["done", "invalid_grant", "email_taken"],
    );
    await logIn(app, email, first);
    assertEquals((await assertTold(app, guest.id, staff)).version, 2);
  }
  await assertBooksBalance(app.deps.sql);
});

Deno.test("A guest whom staff disable does not take the address with them, not even by a registration under way", async () => {
  await using app = await startTestApp();
  const staff = await app.user("staff");
  const guest = await newGuest(app);
  const [disabled, late] = await inLine(app, guest.id, [
    () => changeUser(app, staff, guest.id, { disabled: true }),
    () => registerGuest(app, guest),
  ]);
  for (const answer of [late!, await registerGuest(app, guest)]) {
    assertEquals([disabled!.status, answer.status, answer.body.code], [200, 401, "unauthenticated"]);
  }
  const { guest: isGuest, version } = await assertTold(app, guest.id, staff);
  assertEquals([isGuest, version], [true, 2]);
  const owner = await app.request("POST", "/v1/register", { body: { email: EMAIL, password: PASSWORD } });
  assertEquals(owner.status, 201, "the address is free for its owner");
  await assertBooksBalance(app.deps.sql);
});

Deno.test("Staff who change a guest at the moment of its registration change the account, and lose neither change", async () => {
  await using app = await startTestApp();
  const admin = await app.user("admin");
  const race = async (change: object, comesFirst: boolean) => {
    const guest = await newGuest(app, `${Object.keys(change)[0]}@example.com`);
    const both = [() => registerGuest(app, guest), () => changeUser(app, admin, guest.id, change)];
    const answers = await inLine(
      app,
      guest.id,
      comesFirst ? both.toReversed() : both,
    );
    assertEquals(answers.map(({ status, body }) => [status, body.version]), [[200, 2], [200, 3]]);
    return await assertTold(app, guest.id, admin);
  };
  const named = await race({ name: "Gast" }, true);
  assertEquals([named.name, named.guest], ["Gast", false]);
  await logIn(app, named.email);
  const promoted = await race({ role: "staff" }, false);
  assertEquals([promoted.role, promoted.guest], ["staff", false]);
  const disabled = await race({ disabled: true }, false);
  assertEquals([disabled.disabled, disabled.guest], [true, false]);
  assertEquals((await tryLogIn(app, disabled.email)).status, 401);
  await assertBooksBalance(app.deps.sql);
});

Deno.test("A refresh that is under way while its guest registers leads to no session that outlives the guest's", async () => {
  await using app = await startTestApp();
  const guest = await newGuest(app);
  const refreshing = await withConnection(
    app.deps.config.databaseUrl,
    (holder) =>
      holder.begin(async (tx) => {
        await tx`select from refresh_tokens for update`;
        const answer = refresh(app, guest.refreshToken);
        await untilWaiting(tx);
        assertEquals((await registerGuest(app, guest)).status, 200);
        return { answer };
      }),
  );
  const { status, body } = await refreshing.answer;
  if (status === 200) assertEquals((await refresh(app, body.refresh_token)).body.code, "invalid_grant");
  const [live] = await app.deps
    .sql`select count(*)::int as count from refresh_families where revoked_at is null`;
  assertEquals(live!.count, 0);
});

Deno.test("A cart from before that comes to a guest while their own is checked out is bought whole, or not at all", async () => {
  await using app = await startTestApp();
  await using other = await startAnother(app);
  await openBorders(app);
  const [own, late] = [await addExport(app, { stock: 1000 }), await addProduct(app)];
  for (let round = 0; round < 10; round++) {
    const guest = { ...await newGuest(app), email: EMAIL };
    const shopper = new Shopper(app, guest);
    const cart = await shopper.create({ [own.sku]: 1 }, { destination: "GB" });
    const { body: quote } = await askQuote(app, guest, cart.id);
    const anonymous = new Shopper(app);
    const before = await anonymous.create({ [late.sku]: 2 });
    const known = new Shopper(other, { token: guest.token, cartToken: anonymous.cartToken });
    const [bought, merged] = await Promise.all([
      tryCheckOut(app, guest, quote),
      known.merge(before.id),
    ]);
    assertEquals(merged.status, 200, JSON.stringify(merged.body));
    const { body: mine } = await new Shopper(app, guest).read(merged.body.id);
    if (bought.status === 201) {
      assertEquals(
        bought.body.order.items.map(({ sku }: { sku: string }) => sku),
        [own.sku],
        "as it was quoted",
      );
      assertEquals([mine.id, mine.status, unitsOf(mine)], [before.id, "open", [[late.sku, 2]]]);
    } else {
      assertEquals([bought.status, mine.id, mine.status], [409, cart.id, "open"]);
      assertEquals(unitsOf(mine), [[own.sku, 1], [late.sku, 2]]);
    }
  }
  await assertBooksBalance(app.deps.sql);
});

Deno.test("Of twenty who revoke one key at once, in two processes, all hear that it is revoked, since when, and it is told once", async () => {
  await using app = await startTestApp({ DATABASE_POOL_SIZE: "20" });
  await using other = await startAnother(app);
  const [staff, admin] = [await app.user("staff"), await app.user("admin")];
  const { id, key } = await createKey(app, staff);
  const answers = await Promise.all(
    Array.from(
      { length: 20 },
      (_, i) => revoke(i % 2 ? other : app, [staff.token, admin.token, key][i % 3]!, id),
    ),
  );
  const revoked = answers.filter(({ status }) => status === 200);
  assert(revoked.length >= 12, "all but the key itself may always ask");
  assertEquals(new Set(revoked.map(({ body }) => body.revoked_at)).size, 1);
  for (const { status, body } of answers) {
    assert(status === 200 || body.code === "unauthenticated", JSON.stringify(body));
  }
  assertEquals((await eventsOf(app, "api_key", id)).map(({ type, sequence }) => [type, sequence]), [
    ["api_key.created", 1],
    ["api_key.revoked", 2],
  ]);
  await assertBooksBalance(app.deps.sql);
});

Deno.test("A key that is being revoked keeps no request waiting, and is worthless from the moment on that it is", async () => {
  await using app = await startTestApp();
  const { id, key } = await createKey(app, await app.user("staff"));
  await withConnection(app.deps.config.databaseUrl, (holder) =>
    holder.begin(async (tx) => {
      await tx`update api_keys set revoked_at = now() where id = ${id}`;
      let done = false;
      const answer = me(app, key).finally(() => done = true);
      const waits = async () => {
        await tx`select pg_stat_clear_snapshot()`;
        const waiting = await tx`
          select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`;
        return waiting.length > 0;
      };
      assertEquals(
        await until(async () => done ? "answered" : await waits() && "waits", "either"),
        "answered",
      );
      assertEquals((await answer).status, 200, "it is not yet");
    }));
  assertEquals((await me(app, key)).body.code, "unauthenticated");
  const [row] = await app.deps.sql`select last_used_at from api_keys where id = ${id}`;
  assertEquals(row!.last_used_at, null, "who could not note it passed on");
});

Deno.test("Requests with a key that is revoked meanwhile are answered or refused, and refused once it has been", async () => {
  await using app = await startTestApp({ DATABASE_POOL_SIZE: "20" });
  await using other = await startAnother(app);
  const staff = await app.user("staff");
  for (let round = 0; round < 5; round++) {
    const { id, key } = await createKey(app, staff);
    const uses = Array.from({ length: 20 }, (_, i) => me(i % 2 ? other : app, key));
    const revoking = revoke(app, staff.token, id);
    const after = revoking.then(() => Promise.all([me(app, key), me(other, key)]));
    for (const { status } of await Promise.all(uses)) assert(status === 200 || status === 401, `${status}`);
    assertEquals(tally(await after), { "401 unauthenticated": 2 });
    const { body } = await app.request("GET", `/v1/api-keys/${id}`, { token: staff.token });
    assertEquals(body, { ...(await revoking).body, last_used_at: body.last_used_at });
  }
  await assertBooksBalance(app.deps.sql);
});

Deno.test("Who is disabled or made a customer at the moment gets no key", async () => {
  for (const change of [{ disabled: true }, { role: "customer" }]) {
    await using app = await startTestApp();
    const [staff, admin] = [await app.user("staff"), await app.user("admin")];
    const ask = (by: TestUser) =>
      app.request("POST", "/v1/api-keys", { token: by.token, body: { name: "Late", user_id: staff.id } });
    const [changed, own, given] = await inLine(app, staff.id, [
      () => changeUser(app, admin, staff.id, change),
      () => ask(staff),
      () => ask(admin),
    ]);
    assertEquals(changed!.status, 200);
    for (const { status, body } of [own!, given!]) {
      assertEquals([status, body.errors[0].pointer, body.errors[0].code], [422, "/user_id", "not_staff"]);
    }
    assertEquals((await app.deps.sql`select from api_keys`).length, 0);
    await assertEventsValid(app.deps.sql);
  }
});

Deno.test("Of fifty keys that are made at once each is its own, and the list goes through all of them once", async () => {
  await using app = await startTestApp();
  const staff = await app.user("staff");
  const keys = await Promise.all(Array.from({ length: 50 }, () => createKey(app, staff)));
  assertEquals(new Set(keys.map(({ key }) => key)).size, 50);
  assertEquals(tally(await Promise.all(keys.map(({ key }) => me(app, key)))), { 200: 50 });
  const listed: string[] = [];
  for (let cursor: string | null = ""; cursor !== null;) {
    const { body } = await app.request("GET", `/v1/api-keys?limit=20${cursor && `&cursor=${cursor}`}`, {
      token: staff.token,
    });
    listed.push(...body.data.map(({ id }: { id: string }) => id));
    cursor = body.next_cursor;
  }
  assertEquals(listed, keys.map(({ id }) => id).toSorted().toReversed());
  await assertBooksBalance(app.deps.sql);
});

Deno.test("Of a hundred first uses of a key at once all are answered, and it is noted once that it is used", async () => {
  await using app = await startTestApp({ DATABASE_POOL_SIZE: "20" });
  const { sql } = app.deps;
  const { id, key } = await createKey(app, await app.user("staff"));
  await sql.unsafe(`
    create table noted (at timestamptz);
    create function note() returns trigger language plpgsql as
      $$ begin insert into noted values (new.last_used_at); return new; end $$;
    create trigger noted before update on api_keys for each row execute function note()`);
  assertEquals(tally(await Promise.all(Array.from({ length: 100 }, () => me(app, key)))), { 200: 100 });
  const [row] = await sql`select last_used_at from api_keys where id = ${id}`;
  assertEquals([...await sql`select at from noted`], [{ at: row!.last_used_at }]);
});
