import { assertEquals } from "@std/assert";
import { maskId, maskName } from "./consignee.ts";

const NAMES: [name: string, masked: string][] = [
  ["Ada Lovelace", "A** L*******"],
  ["Ada  King\tLovelace", "A** K*** L*******"],
  ["홍길동", "홍**"],
  ["José Ñuñez", "J*** Ñ****"],
  ["Jose\u0301 X", "J*** *"],
  ["X", "*"],
];

const NUMBERS: [number: string, masked: string][] = [
  ["P123456789012", "*********9012"],
  ["123.456.789-09", "**********9-09"],
  ["11010519491231002X", "**************002X"],
  ["12345678", "****5678"],
  ["1234567", "******7"],
  ["1234", "***4"],
];

for (const [name, masked] of NAMES) {
  Deno.test(`of the name ${JSON.stringify(name)} only ${masked} can be read`, () => {
    assertEquals(maskName(name), masked);
  });
}

for (const [number, masked] of NUMBERS) {
  Deno.test(`of the number ${number} only ${masked} can be read`, () => {
    assertEquals(maskId(number), masked);
  });
}
