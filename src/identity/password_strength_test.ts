import { assert, assertEquals } from "@std/assert";
import { findWeakness } from "./password_strength.ts";

const ANNA = { email: "anna.smith@example.com", name: "Anna Smith" };

Deno.test("phrases and random characters are strong", async () => {
  for (
    const password of [
      "correct horse battery staple",
      "violet-harbour-42-lamp",
      "Xk9#mQ2$vL7!",
      "ein langer satz hier",
    ]
  ) {
    assertEquals(await findWeakness(password, ANNA), undefined, password);
  }
});

Deno.test("short, common, repeated and one's own words are weak", async () => {
  for (
    const [password, code] of [
      ["Xk9#mQ2$v", "too_short"],
      ["🔑🔑🔑🔑🔑", "too_short"],
      ["password123", "easy_to_guess"],
      ["hunter2hunter2", "easy_to_guess"],
      ["1234567890", "easy_to_guess"],
      ["Welcome2026!", "easy_to_guess"],
      ["anna.smith@example.com", "easy_to_guess"],
      ["waybillwaybill", "easy_to_guess"],
    ]
  ) {
    assertEquals((await findWeakness(password!, ANNA))?.code, code as "too_short", password);
  }
});

Deno.test("the reason says what to do better", async () => {
  const weakness = await findWeakness("qwertyuiop12", ANNA);
  assert(weakness!.message.includes("commonly used password"));
  assert(weakness!.message.includes("Add more words"));
});

Deno.test("what comes after 64 characters costs no time, and saves no weak beginning", async () => {
  assertEquals((await findWeakness(`${"a".repeat(64)}violet-harbour-42-lamp`, ANNA))?.code, "easy_to_guess");
  assertEquals(await findWeakness(`violet-harbour-42-lamp${"a".repeat(106)}`, ANNA), undefined);
});
