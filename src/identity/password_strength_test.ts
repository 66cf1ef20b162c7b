import { assert, assertEquals, assertLess } from "@std/assert";
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

Deno.test("the longest password takes little longer than a short one", async () => {
  await findWeakness("warm-up-42-lamp", ANNA);
  const start = performance.now();
  for (let i = 0; i < 5; i++) await findWeakness("p@$$w0rd1234@4$5!1|7".repeat(7).slice(0, 128), ANNA);
  assertLess((performance.now() - start) / 5, 150);
});
