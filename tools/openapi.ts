/** `deno task openapi`: writes docs/openapi.json from the routes. With `--check` it only says whether it is fresh. */

import { openApiDocument } from "../src/app.ts";

const FILE = new URL("../docs/openapi.json", import.meta.url);

const fresh = JSON.stringify(openApiDocument(), null, 2) + "\n";
if (Deno.args.includes("--check")) {
  const committed = await Deno.readTextFile(FILE).catch(() => undefined);
  if (committed !== fresh) {
    console.error(
      "docs/openapi.json is not what the routes say: run `deno task openapi` and `deno task sdk`.",
    );
    Deno.exit(1);
  }
} else {
  await Deno.writeTextFile(FILE, fresh);
}
