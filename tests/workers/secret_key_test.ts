import { assertEquals } from "@std/assert";
import { Webhook } from "standardwebhooks";
import { closeDeps, openDeps, systemCtx } from "../../src/deps.ts";
import { loadConfig } from "../../src/config.ts";
import { HANDLERS } from "../../workers/handlers.ts";
import { createEndpoint, deliverDue, LOCAL, startReceiver } from "../http/webhooks/receiver.ts";
import { startTestApp, TEST_SECRET } from "../support/app.ts";

const NEW_SECRET = "c9Xz-test-only-d4Mn7BqV1wEt6YcJ2hRk8sUf";

Deno.test("Webhooks go on, under the secrets that receivers know, when a rotated SECRET_KEY's predecessor is gone", async () => {
  await using app = await startTestApp(LOCAL);
  await using receiver = startReceiver();
  const staff = await app.user("staff");
  const { id, secret } = await createEndpoint(app, staff, receiver.url);
  const env = {
    ...LOCAL,
    APP_ENV: "test",
    DATABASE_URL: app.deps.config.databaseUrl,
    LOG_LEVEL: "silent",
  };
  for (
    const keys of [
      { SECRET_KEY: NEW_SECRET, SECRET_KEY_PREVIOUS: TEST_SECRET },
      { SECRET_KEY: NEW_SECRET },
    ]
  ) {
    const deps = await openDeps(loadConfig({ ...env, ...keys }));
    try {
      await HANDLERS["platform.sweep"].alone(
        systemCtx(deps, "platform.sweep"),
        {},
        new AbortController().signal,
      );
      await app.request("POST", `/v1/webhook-endpoints/${id}/ping`, {
        token: staff.token,
      });
      const before = receiver.received.length;
      await deliverDue(deps);
      assertEquals(
        receiver.received.length,
        before + 1,
        JSON.stringify(Object.keys(keys)),
      );
      const { body, headers } = receiver.received.at(-1)!;
      new Webhook(secret).verify(body, headers);
    } finally {
      await closeDeps(deps);
    }
  }
});
