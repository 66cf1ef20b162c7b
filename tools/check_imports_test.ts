import { assertEquals } from "@std/assert";
import { violations } from "./check_imports.ts";

const allowed: [file: string, specifier: string][] = [
  ["src/orders/place_order.ts", "../platform/db.ts"],
  ["src/orders/place_order.ts", "./queries.ts"],
  ["src/orders/order.ts", "../inventory/mod.ts"],
  ["src/inventory/level.ts", "../catalogue/mod.ts"],
  ["src/orders/routes.ts", "../http/router.ts"],
  ["src/orders/schemas.ts", "../http/schemas.ts"],
  ["src/identity/access_token.ts", "../config.ts"],
  ["src/http/gate.ts", "../identity/mod.ts"],
  ["src/http/router.ts", "../deps.ts"],
  ["src/deps.ts", "./identity/mod.ts"],
  ["src/app.ts", "./orders/routes.ts"],
  ["src/main.ts", "./app.ts"],
  ["src/subscriptions.ts", "./orders/mod.ts"],
  ["workers/main.ts", "../src/deps.ts"],
  ["workers/orders.ts", "../src/orders/mod.ts"],
];

const refused: [file: string, specifier: string, reason: string][] = [
  ["src/platform/db.ts", "../orders/mod.ts", "the ground imports nothing above it"],
  ["src/platform/db.ts", "../http/router.ts", "the ground imports nothing above it"],
  ["src/platform/ctx.ts", "../deps.ts", "the ground imports nothing above it"],
  ["src/catalogue/product.ts", "../inventory/mod.ts", "inventory is not to the left of catalogue"],
  ["src/orders/order.ts", "../payments/mod.ts", "payments is not to the left of orders"],
  ["src/orders/order.ts", "../inventory/queries.ts", "a domain is used through its mod.ts"],
  ["src/orders/place_order.ts", "../http/router.ts", "only routes.ts and schemas.ts import http/"],
  ["src/orders/place_order.ts", "../deps.ts", "domains do not know who assembles them"],
  ["src/orders/routes.ts", "../app.ts", "domains do not know who assembles them"],
  ["src/http/gate.ts", "../identity/queries.ts", "a domain is used through its mod.ts"],
  ["src/http/gate.ts", "../orders/mod.ts", "http/ imports platform/ and identity only"],
  ["src/app.ts", "./orders/queries.ts", "a domain is used through its mod.ts"],
  ["workers/orders.ts", "../src/orders/place_order.ts", "a domain is used through its mod.ts"],
  ["workers/orders.ts", "../src/http/router.ts", "workers do not speak HTTP"],
];

/** Every way to name another file. */
const forms = [
  (specifier: string) => `import { a } from "${specifier}";`,
  (specifier: string) => `import type {\n  A,\n  B,\n} from "${specifier}";`,
  (specifier: string) => `export * from "${specifier}";`,
  (specifier: string) => `import "${specifier}";`,
  (specifier: string) => `const a = await import("${specifier}");`,
];

Deno.test("imports along the directions pass", () => {
  for (const [file, specifier] of allowed) {
    for (const form of forms) {
      assertEquals(violations(file, form(specifier)), [], `${file} ${form(specifier)}`);
    }
  }
});

Deno.test("an import against the directions is named with its reason, however it is written", () => {
  for (const [file, specifier, reason] of refused) {
    const target = new URL(specifier, `file:///${file}`).pathname.slice(1);
    for (const form of forms) {
      assertEquals(violations(file, form(specifier)), [`${file} imports ${target}: ${reason}`]);
    }
  }
});

Deno.test("an import in a comment is none", () => {
  assertEquals(violations("src/platform/db.ts", `// import "../app.ts"\n/* from "../app.ts" */`), []);
});

Deno.test("SQL stands in queries.ts and platform/ only", () => {
  const problem = "src/orders/place_order.ts writes SQL: it stands in queries.ts";
  for (const statement of ["await sql`select 1`", "tx`select 1`", "ctx.sql<{ id: string }[]>`select 1`"]) {
    assertEquals(violations("src/orders/place_order.ts", statement), [problem]);
    for (const file of ["src/orders/queries.ts", "src/orders/list_queries.ts", "src/platform/db.ts"]) {
      assertEquals(violations(file, statement), []);
    }
  }
  assertEquals(
    violations("src/orders/place_order.ts", "/** Runs `sql` in `tx`. */ // `sql`\nsql.begin(f)"),
    [],
  );
});

Deno.test("only the two main.ts read the environment", () => {
  const code = `Deno.env.get("A")`;
  for (const file of ["src/main.ts", "workers/main.ts"]) assertEquals(violations(file, code), []);
  assertEquals(violations("src/orders/order.ts", code), [
    "src/orders/order.ts reads the environment: only the two main.ts do",
  ]);
});
