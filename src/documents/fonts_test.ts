import { assertEquals } from "@std/assert";
import { readable, runsOf } from "./fonts.ts";

Deno.test("Latin, Greek, Cyrillic, Korean, Chinese and Japanese are shown as they are", () => {
  for (
    const text of [
      "Łódź Đặng",
      "Γιώργος Παπαδόπουλος",
      "Иванов Їжак",
      "홍길동 洪吉童",
      "张三 臺北市",
      "渋谷区 カタカナ ひらがな",
    ]
  ) {
    assertEquals(readable(text), { text, changed: false });
    assertEquals(runsOf(text, "bold").map((run) => run.text).join(""), text);
  }
});

Deno.test("each part of a mixed text gets the face that has it", () => {
  assertEquals(runsOf("Hong 홍 洪 / 张", "bold"), [
    { face: "bold", text: "Hong " },
    { face: "korean", text: "홍" },
    { face: "bold", text: " " },
    { face: "korean", text: "洪" },
    { face: "bold", text: " / " },
    { face: "chinese", text: "张" },
  ]);
});

Deno.test("scripts that no face has are given in Latin letters, and it is told", () => {
  assertEquals(readable("محمد 5"), { text: "mhmd 5", changed: true });
  assertEquals(readable("שלום").changed, true);
  assertEquals(/^[\x20-\x7e]+$/.test(readable("กรุงเทพ").text), true);
  assertEquals(readable("🎁 \u{e000}").text, "? ?");
});

Deno.test("line breaks, controls and marks of direction do not get into a document", () => {
  assertEquals(readable("a\r\n\tb\u0007c\u202Ed\u200B"), { text: "a bcd", changed: false });
});

Deno.test("The alef of Arabic, which nearly every name has, is a letter and no unknown sign", () => {
  assertEquals(readable("الرياض").text, "alryad");
  assertEquals(readable("إبراهيم").text, "'brahym");
  assertEquals(readable("ابو ظبي 5").text, "abw dhby 5");
});

Deno.test("Commas, dashes and marks of abbreviation of other scripts become plain ones: no house number has a question mark", () => {
  assertEquals(readable("بناية ١٢، الطابق ٣؛").text, "bnayh 12, altabq 3;");
  assertEquals(readable("רח׳ הרצל 5־7").text, "rh' hrtsl 5-7");
});
