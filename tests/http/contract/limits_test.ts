import { assert, assertEquals } from "@std/assert";
import {
  call,
  goodBody,
  inWorld,
  leastToken,
  type Operation,
  operations,
  pathOf,
  resolve,
} from "../../security/operations.ts";

// deno-lint-ignore no-explicit-any
type Json = any;

const LONG = "x".repeat(20_000);
const isOpen = ({ type, maxLength, pattern, enum: values, format }: Json) =>
  type === "string" && (maxLength ?? LONG.length) >= LONG.length && !pattern && !values && format !== "uuid";

/** Values that the contract allows a field, at the edge of what it says of its length. */
function* edges(schema: Json): Generator<Json> {
  const { type, minItems = 0, maxItems = Infinity, items } = resolve(schema) ?? {};
  if (type === "array") {
    if (minItems === 0) yield [];
    if (maxItems > 1000 && resolve(items).type === "string") yield Array.from({ length: 1001 }, () => "x");
  }
  if (isOpen(resolve(schema) ?? {})) yield LONG;
}

const lengthsAt = ({ status, body }: Json, pointer: string): string[] =>
  status !== 422 ? [] : (body.errors ?? [])
    .filter((error: Json) => error.pointer === pointer && /^too_/.test(error.code))
    .map(({ code }: Json) => code);

Deno.test("nothing is refused for a length that the contract does not say", async () => {
  await inWorld(async (world) => {
    let tried = 0;
    const token = (operation: Operation) => leastToken(world, operation) ?? world.owner.token;
    for (const operation of operations) {
      for (const [field, schema] of Object.entries<Json>(operation.schema?.properties ?? {})) {
        for (const edge of edges(schema)) {
          tried++;
          const body = { ...goodBody(operation, world), [field]: edge };
          const answer = await call(world, operation, token(operation), { body });
          assertEquals(lengthsAt(answer, `/${field}`), [], `${operation.name}: /${field}`);
        }
      }
      for (const { name, schema } of operation.parameters.filter((parameter) => parameter.in === "query")) {
        for (const edge of edges(schema)) {
          tried++;
          const path = `${pathOf(world, operation)}?${new URLSearchParams({ [name]: edge })}`;
          const answer = await call(world, operation, token(operation), { path });
          assertEquals(lengthsAt(answer, `query/${name}`), [], `${operation.name}: query/${name}`);
        }
      }
    }
    assert(tried >= 10, `only ${tried} fields were tried`);
  });
});
