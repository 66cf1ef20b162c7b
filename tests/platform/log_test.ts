import { assertEquals } from "@std/assert";

Deno.test("What nobody caught and what the runtime warns of are lines of the log, without what they say; an exception ends the process with 1", async () => {
  const [log, process] = ["platform/log.ts", "process.ts"].map((file) =>
    new URL(`../../src/${file}`, import.meta.url).href
  );
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: [
      "eval",
      `const { openLog } = await import("${log}");
       const { logUncaught } = await import("${process}");
       logUncaught(openLog("info", "json"));
       process.emitWarning("ada@example.com", "SomeWarning");
       Promise.reject(new RangeError("ada@example.com"));
       setTimeout(() => { throw new TypeError("ada@example.com"); }, 100);`,
    ],
  }).output();
  const lines = new TextDecoder().decode(stdout).trim().split("\n").map((line) => JSON.parse(line));
  assertEquals(lines.map(({ level, error_name, msg }) => [level, error_name, msg]).sort(), [
    [40, "SomeWarning", "a warning of the runtime"],
    [50, "RangeError", "unhandled rejection"],
    [50, "TypeError", "uncaught exception"],
  ]);
  assertEquals([code, stderr.length, lines.some((line) => /ada/.test(JSON.stringify(line)))], [1, 0, false]);
});

for (const format of ["json", "text"]) {
  Deno.test({
    name: `A log whose disk is full ends nothing, and holds up nothing (${format})`,
    ignore: Deno.build.os !== "linux",
    async fn() {
      const log = new URL("../../src/platform/log.ts", import.meta.url).href;
      const process = new Deno.Command("sh", {
        args: [
          "-c",
          'exec "$@" >/dev/full',
          "sh",
          Deno.execPath(),
          "eval",
          `const { openLog } = await import("${log}");
           const log = openLog("info", "${format}");
           for (let i = 0; i < 4; i++) {
             log.info("x".repeat(i * 4000));
             await new Promise((resolve) => setTimeout(resolve, 100));
           }
           Deno.exit(0);`,
        ],
        stderr: "null",
      }).spawn();
      const killing = setTimeout(() => process.kill("SIGKILL"), 30_000);
      assertEquals((await process.status).code, 0);
      clearTimeout(killing);
    },
  });

  Deno.test(`A log that nobody reads any more ends nothing (${format})`, async () => {
    const log = new URL("../../src/platform/log.ts", import.meta.url).href;
    const process = new Deno.Command(Deno.execPath(), {
      args: [
        "eval",
        `const { openLog } = await import("${log}");
         const log = openLog("info", "${format}");
         for await (const _ of Deno.stdin.readable);
         log.info("one");
         await new Promise((resolve) => setTimeout(resolve, 200));
         log.info("two");`,
      ],
      stdin: "piped",
      stdout: "piped",
      stderr: "null",
    }).spawn();
    await process.stdout.cancel();
    await process.stdin.close();
    assertEquals((await process.status).code, 0);
  });
}
