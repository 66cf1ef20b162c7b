import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { hasMoreValues } from "./json_values.ts";

const encode = (json: string) => new TextEncoder().encode(json);

/** Every value, the outermost and those within others included; what is empty twice. */
function countOf(value: unknown): number {
  if (typeof value !== "object" || value === null) return 1;
  const within = Object.values(value);
  return within.length === 0 ? 2 : within.reduce<number>((sum, each) => sum + countOf(each), 1);
}

Deno.test("The values of any JSON are counted, whatever its texts hold and however it is written", () => {
  fc.assert(fc.property(fc.array(fc.jsonValue()), fc.constantFrom(0, 2), (value, indent) => {
    const json = encode(JSON.stringify(value, null, indent));
    const count = countOf(value);
    assertEquals([hasMoreValues(json, count), hasMoreValues(json, count - 1)], [false, true]);
  }));
});

Deno.test("Brackets and commas in texts are no values, nor do escaped quotes end a text", () => {
  for (const json of ['"[{,,,,,,,,"', '{"[,\\",[{":"\\\\\\",[{"}', '["\\\\",1]']) {
    assertEquals(hasMoreValues(encode(json), 3), false, json);
  }
  assertEquals(hasMoreValues(encode('["\\\\",1,2]'), 3), true);
});

Deno.test("What is no JSON is counted too, as its beginning would be parsed", () => {
  assertEquals(hasMoreValues(encode("[".repeat(20)), 10), true);
  assertEquals(hasMoreValues(encode('["never ended, at all, ever, and ever'), 10), false);
});
