import { assertEquals } from "@std/assert";

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
