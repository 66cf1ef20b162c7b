import { assertEquals } from "@std/assert";
import { Webhook } from "standardwebhooks";
import { closeDeps, type Deps, openDeps, systemCtx } from "../../src/deps.ts";
import { loadConfig } from "../../src/config.ts";
import { listSealedSecrets, replaceSeals } from "../../src/webhooks/queries.ts";
import { rotateSecret } from "../../src/webhooks/rotate_secret.ts";
import { HANDLERS } from "../../workers/handlers.ts";
import { ask, createEndpoint, deliverDue, LOCAL, startReceiver } from "../http/webhooks/receiver.ts";
import { startTestApp, TEST_SECRET } from "../support/app.ts";

const NEW_SECRET = "c9Xz-test-only-d4Mn7BqV1wEt6YcJ2hRk8sUf";
const NEXT_SECRET = "e1Pq-test-only-f8Rs3GhW5xLz0KbN6vTj9dYm";

Deno.test("Webhooks go on, under the secrets that receivers know, when a rotated SECRET_KEY's predecessor is gone", async () => {
  for (const replaced of ["kept", "replaced"]) {
    await using app = await startTestApp(LOCAL);
    await using receiver = startReceiver();
    const staff = await app.user("staff");
    const { id, secret } = await createEndpoint(app, staff, receiver.url);
    const env = { ...LOCAL, APP_ENV: "test", DATABASE_URL: app.deps.config.databaseUrl, LOG_LEVEL: "silent" };
    for (const previous of [TEST_SECRET, ""]) {
      const keys = { SECRET_KEY: NEW_SECRET, SECRET_KEY_PREVIOUS: previous };
      const deps = await openDeps(loadConfig({ ...env, ...keys }));
      try {
        const ctx = systemCtx(deps, "platform.sweep");
        if (previous && replaced === "replaced") await rotateSecret(ctx, { id, overlapHours: 24 });
        const sealed = await listSealedSecrets(deps.sql);
        await HANDLERS["platform.sweep"].alone(ctx, {}, new AbortController().signal);
        if (!previous) {
          assertEquals(await listSealedSecrets(deps.sql), sealed, "none is sealed anew for nothing");
        }
        await ask(app, staff, "POST", `/v1/webhook-endpoints/${id}/ping`, 202);
        const before = receiver.received.length;
        await deliverDue(deps);
        assertEquals(receiver.received.length, before + 1, replaced);
        const { body, headers } = receiver.received.at(-1)!;
        new Webhook(secret).verify(body, headers);
      } finally {
        await closeDeps(deps);
      }
    }
  }
});

Deno.test("Whoever lost a SECRET_KEY gives an endpoint a new secret, and its webhooks go on, also past the next key", async () => {
  await using app = await startTestApp(LOCAL);
  await using receiver = startReceiver();
  await using processes = new AsyncDisposableStack();
  const open = async (SECRET_KEY: string, SECRET_KEY_PREVIOUS = "") => {
    const DATABASE_URL = app.deps.config.databaseUrl;
    const env = { ...LOCAL, APP_ENV: "test", LOG_LEVEL: "silent", DATABASE_URL };
    return processes.adopt(
      await openDeps(loadConfig({ ...env, SECRET_KEY, SECRET_KEY_PREVIOUS })),
      closeDeps,
    );
  };
  const staff = await app.user("staff");
  const { id } = await createEndpoint(app, staff, receiver.url);
  const afterLoss = await open(NEW_SECRET);
  const { secret } = await rotateSecret(systemCtx(afterLoss, "test"), { id, overlapHours: 24 });
  await assertPinged(afterLoss);
  const rotated = await open(NEXT_SECRET, NEW_SECRET);
  await HANDLERS["platform.sweep"].alone(systemCtx(rotated, "test"), {}, new AbortController().signal);
  await assertPinged(await open(NEXT_SECRET));

  async function assertPinged(deps: Deps) {
    const before = receiver.received.length;
    await ask(app, staff, "POST", `/v1/webhook-endpoints/${id}/ping`, 202);
    await deliverDue(deps);
    assertEquals(receiver.received.length, before + 1);
    const { body, headers } = receiver.received.at(-1)!;
    new Webhook(secret).verify(body, headers);
  }
});

Deno.test("A secret that staff replace while secrets are sealed anew stays, and so does the one before it", async () => {
  await using app = await startTestApp(LOCAL);
  const { sql } = app.deps;
  const { id } = await createEndpoint(app, await app.user("staff"), "http://127.0.0.1:9/");
  const ctx = systemCtx(app.deps, "test");
  for (const overlapHours of [0, 24]) {
    const [before] = await listSealedSecrets(sql);
    await rotateSecret(ctx, { id, overlapHours });
    const [after] = await listSealedSecrets(sql);
    await replaceSeals(sql, before!, { secret: "sealed", previous_secret: "anew" });
    assertEquals([...await listSealedSecrets(sql)], [after!]);
  }
});
