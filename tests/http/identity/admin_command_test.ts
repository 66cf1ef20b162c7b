import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { startTestApp, type TestApp } from "../../support/app.ts";
import { OTHER_PASSWORD, PASSWORD, tryLogIn } from "./support.ts";

/** Runs `deno task admin` on the test's database. */
async function admin(
  app: TestApp,
  args: string[],
  stdin = "",
  databaseUrl = app.deps.config.databaseUrl,
): Promise<{ code: number; out: string; err: string }> {
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "--quiet", "--allow-all", "tools/admin.ts", ...args],
    env: { DATABASE_URL: databaseUrl, LOG_LEVEL: "silent", NO_COLOR: "1" },
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const writer = child.stdin.getWriter();
  await writer.write(new TextEncoder().encode(stdin));
  await writer.close();
  const { code, stdout, stderr } = await child.output();
  return { code, out: new TextDecoder().decode(stdout), err: new TextDecoder().decode(stderr) };
}

Deno.test("the admin command makes an admin with a new password, printed once", async () => {
  await using app = await startTestApp();
  const { code, out } = await admin(app, ["create", "boss@example.com", "--name", "The Boss"]);
  assertEquals(code, 0);
  const password = /shown only here: (\S{24})$/m.exec(out)?.[1] ?? "";
  const { body } = await tryLogIn(app, "boss@example.com", password);
  const me = await app.request("GET", "/v1/me", { token: body.access_token });
  assertEquals([me.body.role, me.body.name], ["admin", "The Boss"]);
  const [event] = await app.deps.sql`select actor from events where aggregate_id = ${me.body.id}`;
  assertEquals(event!.actor, "system:admin");
});

Deno.test("the admin command takes a password from standard input, and does not print it", async () => {
  await using app = await startTestApp();
  const { code, out } = await admin(app, ["create", "boss@example.com", "--password-stdin"], `${PASSWORD}\n`);
  assertEquals(code, 0);
  assertEquals(out.includes(PASSWORD), false);
  assertEquals((await tryLogIn(app, "boss@example.com")).status, 200);
});

Deno.test("the admin command resets a password and changes a role", async () => {
  await using app = await startTestApp();
  const user = await app.user();
  const { status } = await app.request("POST", "/v1/guests", { body: { email: user.email } });
  assertEquals(status, 201, "a guest with its address is not meant");
  const reset = await admin(app, ["reset", user.email.toUpperCase()]);
  const token = /good once until \S+: (\S+)$/m.exec(reset.out)?.[1] ?? "";
  const set = await app.request("POST", "/v1/password", { body: { token, new_password: OTHER_PASSWORD } });
  assertEquals(set.status, 204);

  const promoted = await admin(app, ["role", user.email, "staff"]);
  assertEquals(promoted.out, `${user.email} is staff now.\n`);
  const [row] = await app.deps.sql`select role from users where id = ${user.id}`;
  assertEquals(row!.role, "staff");
});

Deno.test("the admin command says what is wrong, and changes nothing", async () => {
  await using app = await startTestApp();
  const boss = await app.user("admin");
  await app.request("POST", "/v1/guests", { body: { email: "guest@example.com" } });
  for (
    const [args, stdin, reason] of [
      [["create", boss.email], "", "There is an account with this e-mail address"],
      [["create", "new@example.com", "--password-stdin"], "Password123!\n", "too weak"],
      [["create", "no-address"], "", "must be an e-mail address"],
      [["role", boss.email, "staff"], "", "last admin"],
      [["reset", "nobody@example.com"], "", "no account with the address"],
      [["role", "guest@example.com", "admin"], "", "no account with the address"],
      [["role", boss.email, "root"], "", "Usage"],
      [["create", "new@example.com", "--passwrod-stdin"], "", "--passwrod-stdin"],
      [[], "", "Usage"],
    ] as [string[], string, string][]
  ) {
    const { code, out, err } = await admin(app, args, stdin);
    assertEquals([code, out], [1, ""], args.join(" "));
    assertStringIncludes(err, reason);
    assertEquals(/\n\s+at /.test(err), false, err);
  }
  for (
    const [url, reason] of [
      ["postgres://127.0.0.1:1/shop", "The database cannot be used now: connect ECONNREFUSED"],
      ["postgres:shop", "DATABASE_URL: must be a postgres:// URL"],
    ] as const
  ) {
    const { code, err } = await admin(app, ["reset", boss.email], "", url);
    assertEquals([code, /\n\s+at /.test(err)], [1, false], err);
    assertStringIncludes(err, reason);
  }
  assertEquals((await app.deps.sql`select from users`).length, 2);
  assertMatch(boss.email, /admin/);
});
