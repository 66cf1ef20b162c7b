import { assertEquals } from "@std/assert";

Deno.test("What nobody caught is a line of the log, without what its message says, and ends the process with 1", async () => {
  const [log, process] = ["platform/log.ts", "process.ts"].map((file) =>
    new URL(`../../src/${file}`, import.meta.url).href
  );
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: [
      "eval",
      `const { openLog } = await import("${log}");
       const { runUntilTold } = await import("${process}");
       runUntilTold(openLog("info", "json"), 1000, () => Promise.resolve());
       Promise.reject(new RangeError("ada@example.com"));
       setTimeout(() => { throw new TypeError("ada@example.com"); }, 100);`,
    ],
  }).output();
  const [first, second, ...others] = new TextDecoder().decode(stdout).trim().split("\n").map((line) =>
    JSON.parse(line)
  );
  assertEquals([first.level, first.error_name, first.msg], [50, "RangeError", "unhandled rejection"]);
  assertEquals([second.level, second.error_name, second.msg], [50, "TypeError", "uncaught exception"]);
  assertEquals([code, stderr.length, others], [1, 0, []]);
});

for (const format of ["json", "text"]) {
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
