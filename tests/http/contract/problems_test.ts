import { assertEquals } from "@std/assert";
import { openApiDocument } from "../../../src/app.ts";
import { ERROR_STATUS } from "../../../src/platform/errors.ts";
import { startTestApp } from "../../support/app.ts";

Deno.test("the contract names every code that a problem can have", () => {
  // deno-lint-ignore no-explicit-any -- the document is JSON
  const { components }: any = openApiDocument();
  assertEquals(components.schemas.Problem.properties.code.enum, Object.keys(ERROR_STATUS));
});

Deno.test("a problem's detail reads as a sentence, whatever is wrong", async () => {
  await using app = await startTestApp();
  const { token } = await app.user();
  const detailOf = async (method: string, path: string, body?: unknown) =>
    (await app.request(method, path, { token, body })).body.detail;
  assertEquals(
    await detailOf("GET", "/v1/orders?foo=1"),
    "The request is not valid at query/foo: There is no such field.",
  );
  assertEquals(
    await detailOf("GET", "/v1/orders?limit=0"),
    "The request is not valid at query/limit: must be at least 1",
  );
  assertEquals(await detailOf("POST", "/v1/orders", []), "The body is not valid: must be an object");
});
