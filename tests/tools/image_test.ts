import { assert, assertEquals } from "@std/assert";

const read = (name: string) => Deno.readTextFile(new URL(`../../${name}`, import.meta.url));

Deno.test("Docker is given all that the Dockerfile copies, and nothing else", async () => {
  const copied = (await read("Dockerfile")).split("\n")
    .filter((line) => line.startsWith("COPY ") && !line.startsWith("COPY --from"))
    .flatMap((line) => line.split(" ").slice(1, -1));
  const given = (await read(".dockerignore")).split("\n").filter((line) => line.startsWith("!"));
  assert(copied.length > 0, "the Dockerfile copies nothing");
  assertEquals(given.map((line) => line.slice(1)).sort(), [...new Set(copied)].sort());
});

Deno.test("Of the services that run Waybill one builds its image, as builds of one name side by side fail", async () => {
  const lines = (await read("compose.yaml")).split("\n").map((line) => line.trim());
  assertEquals(lines.filter((line) => line.startsWith("build:")), ["build: ."]);
  assertEquals(lines.filter((line) => line === "<<: *waybill").length, 3);
  assertEquals(lines.filter((line) => line === "pull_policy: never").length, 2);
});
