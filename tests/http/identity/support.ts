import { assertEquals } from "@std/assert";
import type { TestApp } from "../../support/app.ts";

export const PASSWORD = "violet-harbour-42-lamp";
export const OTHER_PASSWORD = "quiet-meadow-17-kettle";

export interface Tokens {
  access_token: string;
  refresh_token: string;
}

let registrations = 0;

/** A customer who registered with {@link PASSWORD}. */
export async function registerUser(app: TestApp): Promise<{ id: string; email: string }> {
  const email = `anna-${++registrations}@example.com`;
  const { status, body } = await app.request("POST", "/v1/register", { body: { email, password: PASSWORD } });
  assertEquals(status, 201);
  return { id: body.id, email };
}

export function tryLogIn(app: TestApp, username: string, password = PASSWORD) {
  return app.request("POST", "/v1/token", { form: { grant_type: "password", username, password } });
}

export async function logIn(app: TestApp, username: string, password = PASSWORD): Promise<Tokens> {
  const { status, body } = await tryLogIn(app, username, password);
  assertEquals(status, 200);
  return body;
}

export function refresh(app: TestApp, refreshToken: string) {
  return app.request("POST", "/v1/token", {
    form: { grant_type: "refresh_token", refresh_token: refreshToken },
  });
}

/** What must be the same for those who must not be told apart: all but the request's own id. */
export function sameness({ status, headers, body }: Awaited<ReturnType<TestApp["request"]>>) {
  const { request_id: _, instance: _path, ...rest } = body;
  const names = [...headers.keys()].filter((name) => !["x-request-id", "ratelimit"].includes(name));
  return { status, rest, headers: names.map((name) => [name, headers.get(name)]) };
}
