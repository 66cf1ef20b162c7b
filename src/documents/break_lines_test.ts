import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { breakLines } from "./break_lines.ts";

const characters = (text: string) => [...text].length;

Deno.test("lines end at white space, after hyphens and slashes, and between Chinese characters", () => {
  assertEquals(breakLines("a blue mug", 6, characters), ["a blue", "mug"]);
  assertEquals(breakLines("MUG-BLUE/XL", 5, characters), ["MUG-", "BLUE/", "XL"]);
  assertEquals(breakLines("北京市朝阳区", 4, characters), ["北京市朝", "阳区"]);
});

Deno.test("a word wider than the column is broken, and never within a character", () => {
  assertEquals(breakLines("Waterproof", 4, characters), ["Wate", "rpro", "of"]);
  assertEquals(breakLines("e\u0301e\u0301e\u0301", 4, characters), ["e\u0301e\u0301", "e\u0301"]);
  assertEquals(breakLines("👩‍🚀👩‍🚀", 1, characters), ["👩‍🚀", "👩‍🚀"]);
});

Deno.test("nothing but white space is lost, and no line of letters is too wide", () => {
  fc.assert(fc.property(fc.string({ maxLength: 80 }), fc.integer({ min: 1, max: 20 }), (text, width) => {
    const lines = breakLines(text, width, characters);
    assertEquals(lines.join("").replace(/\s/g, ""), text.replace(/\s/g, ""));
    for (const line of lines) assertEquals(characters(line) <= width, true, line);
  }));
});

Deno.test("Of a long text little more than its length is measured: each text that is measured is kept", () => {
  for (
    const text of ["x".repeat(300), "北京市朝阳区".repeat(50), "blue mug ".repeat(30), "AB-12/".repeat(50)]
  ) {
    let measured = 0;
    breakLines(text, 25, (part) => {
      measured += part.length;
      return characters(part);
    });
    assertEquals(measured <= 3 * text.length, true, `${measured} of ${text.length} characters of ${text}`);
  }
});
