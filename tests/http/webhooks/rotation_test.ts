import { assertEquals, assertNotEquals } from "@std/assert";
import { startTestApp } from "../../support/app.ts";
import { createEndpoint, LOCAL } from "./receiver.ts";

Deno.test("A rotation needs no body: both secrets sign for a day then", async () => {
  const at = new Date("2026-01-31T12:00:00Z");
  await using app = await startTestApp(LOCAL, { clock: { now: () => at } });
  const staff = await app.user("staff");
  const { id, secret } = await createEndpoint(app, staff, "http://127.0.0.1:9/hooks", ["*"]);
  const path = `/v1/webhook-endpoints/${id}/secret-rotation`;
  const { status, body } = await app.request("POST", path, { token: staff.token });
  assertEquals([status, body.previous_secret_until], [200, "2026-02-01T12:00:00.000Z"]);
  assertNotEquals(body.secret, secret);
});
