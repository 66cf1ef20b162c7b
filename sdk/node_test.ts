import { assertEquals } from "@std/assert";
import ts from "typescript";
import { compileSdk } from "../tools/sdk.ts";

const node = await new Deno.Command("node", { args: ["--version"] }).output().catch(() => undefined);
if (!node) console.log("sdk/node_test.ts: there is no `node` on the PATH, so the SDK is not tried there");

/** What a program in Node does: one call that is answered, one that is refused, one with a streamed body. */
const PROGRAM = `
  import { createWaybill, WaybillError } from "./mod.js";
  const waybill = createWaybill({ baseUrl: process.argv[2], token: "t" });
  const { data } = await waybill.getHealth();
  const { error } = await waybill.getOrder({ path: { id: "1" } });
  const body = new Blob(["line"]).stream();
  const streamed = await waybill.placeOrder({ body });
  console.log(JSON.stringify([data.status, error instanceof WaybillError && error.code, streamed.data.received]));
`;

Deno.test({
  name: "Node runs the compiled SDK",
  ignore: !node,
  async fn() {
    const directory = await Deno.makeTempDir();
    await using server = Deno.serve(
      { hostname: "127.0.0.1", port: 0, onListen: () => {} },
      async (request) => {
        const { pathname } = new URL(request.url);
        if (pathname === "/health") return Response.json({ status: "ok" });
        if (request.method === "POST") return Response.json({ received: await request.text() });
        return Response.json({ status: 404, code: "not_found" }, { status: 404 });
      },
    );
    try {
      compileSdk(directory);
      await Deno.writeTextFile(`${directory}/package.json`, `{ "type": "module" }`);
      await Deno.writeTextFile(`${directory}/program.js`, PROGRAM);
      const url = `http://127.0.0.1:${server.addr.port}`;
      const { stdout, stderr } = await new Deno.Command("node", { args: ["program.js", url], cwd: directory })
        .output();
      assertEquals(new TextDecoder().decode(stderr), "");
      assertEquals(JSON.parse(new TextDecoder().decode(stdout)), ["ok", "not_found", "line"]);
    } finally {
      await Deno.remove(directory, { recursive: true });
    }
  },
});

Deno.test("who installs the package can be as strict as TypeScript can be, and publish types of their own", async () => {
  const directory = await Deno.makeTempDir();
  try {
    const installed = `${directory}/node_modules/@waybill/sdk`;
    compileSdk(`${installed}/dist`);
    await Deno.copyFile(new URL("package.json", import.meta.url), `${installed}/package.json`);
    const consumer = `
      import { createWaybill, type Event, type KnownEvent } from "@waybill/sdk";
      export const place = () => createWaybill({ baseUrl: "" }).listOrders();
      export const follow = () => createWaybill({ baseUrl: "" }).streamEvents();
      export const list = (cursor: string | undefined, token?: string) =>
        createWaybill({ baseUrl: "", token }).listOrders({ query: { limit: 100, cursor } });
      export const read = (id: string, etag: string | undefined) =>
        createWaybill({ baseUrl: "" }).getOrder({ path: { id }, headers: { "If-None-Match": etag } });
      export const told = (event: Event) => {
        const known = event as KnownEvent;
        return known.type === "order.created" ? known.data.items.map(({ sku }) => sku) : [known.aggregate.id];
      };
      export const ask = (note: string | undefined) =>
        createWaybill({ baseUrl: "" }).createCart({ body: { currency: "EUR", items: [], note } });
    `;
    await Deno.writeTextFile(`${directory}/consumer.mts`, consumer);
    const program = ts.createProgram([`${directory}/consumer.mts`], {
      target: ts.ScriptTarget.ES2022,
      module: ts.ModuleKind.NodeNext,
      lib: ["lib.es2023.d.ts", "lib.dom.d.ts"],
      types: [],
      strict: true,
      exactOptionalPropertyTypes: true,
      noUncheckedIndexedAccess: true,
      declaration: true,
    });
    const messages = ts.getPreEmitDiagnostics(program)
      .map(({ messageText }) => ts.flattenDiagnosticMessageText(messageText, "\n"));
    assertEquals(messages, []);
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
});
