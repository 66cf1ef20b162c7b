import { assert, assertEquals } from "@std/assert";
import { openApiDocument } from "../../src/app.ts";
import { docsRoutes } from "../../src/http/docs.ts";

Deno.test("the docs page loads nothing but what this server ships", async () => {
  const page = await docsRoutes.request("/docs");
  assertEquals(page.status, 200);
  const policy = page.headers.get("Content-Security-Policy")!;
  assert(policy.includes("default-src 'none'") && policy.includes("script-src 'self'"));
  assert(!policy.includes("unsafe-inline"));
  const html = await page.text();
  const addresses = [...html.matchAll(/(?:src|href)="([^"]+)"/g)].map((match) => match[1]!);
  assertEquals(addresses.length, 4);
  for (const address of addresses) {
    const asset = await docsRoutes.request(address);
    assertEquals(asset.status, 200, address);
    assert((await asset.bytes()).length > 0);
  }
  assert(!/<script>|<style|style=|onload=/.test(html), "inline code would be refused by the policy");
});

Deno.test("an asset comes zipped to who takes that, and is the same", async () => {
  const html = await (await docsRoutes.request("/docs")).text();
  const address = html.match(/src="([^"]+bundle\.js)"/)![1]!;
  const plain = await docsRoutes.request(address);
  const zipped = await docsRoutes.request(address, { headers: { "Accept-Encoding": "br, gzip" } });
  assertEquals(plain.headers.get("Content-Encoding"), null);
  assertEquals(zipped.headers.get("Content-Encoding"), "gzip");
  assertEquals(zipped.headers.get("Vary"), "Accept-Encoding");
  assert(zipped.headers.get("Cache-Control")!.includes("immutable"));
  const unzipped = new Response(zipped.body!.pipeThrough(new DecompressionStream("gzip")));
  assertEquals(await unzipped.text(), await plain.text());
});

Deno.test("nothing else of the package is served", async () => {
  const html = await (await docsRoutes.request("/docs")).text();
  const directory = html.match(/href="([^"]+)\/swagger-ui\.css"/)![1]!;
  for (
    const file of [
      "package.json",
      "index.html",
      "../package.json",
      "..%2fpackage.json",
      "%2e%2e/package.json",
    ]
  ) {
    assertEquals((await docsRoutes.request(`${directory}/${file}`)).status, 404, file);
  }
});

Deno.test("the example of an import is sent as the text that it is, and what somebody types as typed", async () => {
  const script = await (await docsRoutes.request("/docs/start.js")).text();
  // deno-lint-ignore no-explicit-any
  let settings: any;
  new Function("SwaggerUIBundle", script)((given: unknown) => settings = given);
  const send = (body: string | undefined, type = "application/x-ndjson") =>
    settings.requestInterceptor({ headers: { "Content-Type": type }, body }).body;
  const lines = '{"sku":"MUG-BLUE"}\n{"sku":"MUG-RED"}\n';
  assertEquals(send(JSON.stringify(lines)), lines, "as Swagger UI writes it");
  assertEquals([send(lines), send(undefined)], [lines, undefined]);
  assertEquals(send('"sku","name"\n', "text/csv"), '"sku","name"\n');
});

Deno.test("the docs page fills in no parameter that may be left out: lists would be empty, streams refused", () => {
  // deno-lint-ignore no-explicit-any
  const operations = Object.values<any>(openApiDocument().paths!).flatMap((path) => Object.values<any>(path));
  // deno-lint-ignore no-explicit-any
  const parameters = operations.flatMap(({ parameters = [] }) => parameters) as any[];
  assert(parameters.some(({ schema }) => schema.examples));
  for (const { name, required, example, schema } of parameters) {
    if (!required) assertEquals([example, schema.example], [undefined, undefined], name);
  }
});
