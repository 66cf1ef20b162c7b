import { assertEquals } from "@std/assert";
import { parseHsCode } from "./hs_code.ts";

Deno.test("an HS code has six, eight or ten digits, dotted or not, and is kept as digits", () => {
  for (
    const [written, digits] of [
      ["691200", "691200"],
      ["6912.00", "691200"],
      ["69120023", "69120023"],
      ["6912.00.23", "69120023"],
      ["6912 00 23 10", "6912002310"],
      ["0101.21", "010121"],
      ["9706.90", "970690"],
    ]
  ) assertEquals(parseHsCode(written!), digits, written);
});

Deno.test("what is no HS code is refused: wrong length, stray marks, no chapter, the free chapter 77", () => {
  for (
    const written of [
      "",
      "6912",
      "69120",
      "6912002",
      "691200231",
      "69120023100",
      "6912..00",
      ".691200",
      "691200.",
      "6912-00",
      "69120A",
      "０６９１２００",
      "000000",
      "770000",
      "980000",
      "990000",
      " 691200",
      "6912.00\n",
    ]
  ) assertEquals(parseHsCode(written), undefined, JSON.stringify(written));
});
