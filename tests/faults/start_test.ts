import { assertMatch, assertRejects } from "@std/assert";
import { testDatabase } from "../support/database.ts";
import { startProcess } from "../support/process.ts";

Deno.test("A mistake in the environment ends either process at once with 2, and in words", async () => {
  for (const script of ["src/main.ts", "workers/main.ts"] as const) {
    await assertRejects(
      () => startProcess(script, { DATABASE_URL: "mysql://127.0.0.1/waybill" }),
      Error,
      "ended with 2: Cannot start:\n  DATABASE_URL",
    );
  }
});

Deno.test("A first admin with a weak password ends the API with 2, and in words", async () => {
  await using database = await testDatabase();
  const env = {
    DATABASE_URL: database.url,
    SECRET_KEY: crypto.randomUUID() + crypto.randomUUID(),
    HOST: "127.0.0.1",
    PORT: "0",
    ADMIN_EMAIL: "admin@example.com",
    ADMIN_PASSWORD: "password123",
  };
  const { message } = await assertRejects(() => startProcess("src/main.ts", env), Error);
  assertMatch(message, /ended with 2: [^]*Cannot start:\n {2}ADMIN_PASSWORD: /);
});
