/** Holds what the documents name to what there is: calls, tasks, files, packages, states. */
import { assert, assertEquals } from "@std/assert";
import { openApiDocument } from "../src/app.ts";
import { type Order, ORDER_STATUSES } from "../src/orders/order.ts";
import { ShipmentSchema } from "../src/orders/shipments/schemas.ts";
import {
  refuseIfCancelled,
  refuseUnlessCancellable,
  type Shipment,
} from "../src/orders/shipments/shipment.ts";
import { TRANSITIONS } from "../src/orders/transitions.ts";
import { afterState, PAYMENT_STATUSES, type StoredPayment } from "../src/payments/payment.ts";
import type { ChargeState } from "../src/payments/providers/provider.ts";
import deno from "../deno.json" with { type: "json" };

const ROOT = new URL("../", import.meta.url);
const read = (path: string) => Deno.readTextFileSync(new URL(path, ROOT));
const DOCUMENTS = [
  "README.md",
  "CHANGELOG.md",
  ".env.example",
  "compose.yaml",
  "bench/README.md",
  "sdk/README.md",
  "migrations/README.md",
  "tools/example_trade/README.md",
  "docs/architecture.md",
  "docs/landed-cost.md",
  "docs/operations.md",
  "docs/openapi.json",
];

Deno.test("each call that a document names, the contract has", () => {
  const unnamed = (path: string) => path.replace(/\{[^}]*\}/g, "{}");
  const calls = new Set(
    Object.entries(openApiDocument().paths!).flatMap(([path, methods]) =>
      Object.keys(methods as object).map((method) => `${method.toUpperCase()} ${unnamed(path)}`)
    ),
  );
  let found = 0;
  for (const file of DOCUMENTS) {
    for (
      const [, method, path] of read(file).matchAll(/\b(GET|POST|PUT|PATCH|DELETE) (\/[\w/{}-]+(?:\.\w+)?)/g)
    ) {
      const call = `${method} ${unnamed(path!.startsWith("/v1/") ? path! : `/v1${path}`)}`;
      assert(calls.has(call), `${file} names ${method} ${path}`);
      found++;
    }
  }
  assert(found >= 80, `only ${found} were found`);
});

Deno.test("each task that a document names there is, and each document and folder that it leads to", async () => {
  for (const file of DOCUMENTS) {
    const text = read(file);
    for (const [, task] of text.matchAll(/\bdeno task ([\w:]+)/g)) {
      assert(task! in deno.tasks, `${file} names deno task ${task}`);
    }
    for (const [, path] of text.matchAll(/\]\((?!https?:)([^)#]+)/g)) {
      await Deno.stat(new URL(path!, new URL(file, ROOT)));
    }
  }
  for (
    const [, path] of read("docs/architecture.md").matchAll(
      /^((?:src|workers|tests|tools|bench|sdk|migrations)\/\S*) /gm,
    )
  ) {
    await Deno.stat(new URL(path!, ROOT));
  }
});

Deno.test("each metric and each line of the log that docs/operations.md has people watch for there is", () => {
  const watching = read("docs/operations.md").split("## Watching")[1]!.split("\n## ")[0]!.replace(
    /\s+/g,
    " ",
  );
  const metrics = read("src/platform/metrics.ts");
  const names = [...watching.matchAll(/`((?:event_log|jobs|outbox|dead)_[a-z_]+)`/g)].map(([, name]) =>
    name!
  );
  assert(names.length >= 7);
  for (const name of names) assert(metrics.includes(`"${name}"`), name);
  const lines = [...watching.matchAll(/`(?:a provider says|…) (that [a-z ]+)`/g)].map(([, line]) => line!);
  const code = ["charge.ts", "record_charge.ts", "book_foreign.ts"]
    .map((file) => read(`src/payments/${file}`)).join("");
  assertEquals(lines.length, 3);
  for (const line of lines) assert(code.includes(`log.error("a provider says ${line}"`), line);
});

Deno.test("the documents count the destinations of the example trade data right", () => {
  const folder = new URL("tools/example_trade/", ROOT);
  const laws = [...Deno.readDirSync(folder)].filter(({ name }) =>
    /^[a-z]{2}(_\d{4}_\d\d)?\.json$/.test(name)
  );
  const count = new Set(laws.map(({ name }) => name.slice(0, 2))).size;
  assertEquals(/options of (\d+) countries/.exec(read("README.md"))![1], String(count));
  assertEquals(/data of (\d+) destinations/.exec(read("CHANGELOG.md"))![1], String(count));
});

Deno.test("docs/architecture.md says of each dependency what it is for, and of nothing else", () => {
  const rows = read("docs/architecture.md").split("## Dependencies")[1]!.matchAll(/^\| ([^|]+?) +\|/gm);
  const told = [...rows].slice(2).flatMap(([, cell]) => cell!.split(", "));
  const scope = (name: string) => name.startsWith("@") ? name.split("/")[0]! : "";
  // "@embedpdf/fonts-latin, -kr, -sc", "@zxcvbn-ts/core, language-common, language-en"
  const names = new Set(
    Object.values(deno.imports).map((specifier) => /^npm:(@?[^@]+)@/.exec(specifier)![1]!),
  );
  let before = "";
  const whole = told.map((name) => {
    const full = name.startsWith("-")
      ? before.replace(/-\w+$/, name)
      : names.has(name)
      ? name
      : `${scope(before)}/${name}`;
    return before = full;
  });
  assertEquals(whole.toSorted(), [...names].toSorted());
});

/** `from to` of the arrows of a state diagram, the one whose states are these. */
function arrows(states: readonly string[]): string[] {
  const all = [...read("docs/architecture.md").matchAll(/^ +(\w+) --> (\w+)/gm)];
  return all.map(([, from, to]) => [from!, to!]).filter((ends) => ends.every((end) => states.includes(end)))
    .map((ends) => ends.join(" "));
}

Deno.test("the diagram of orders shows every change that somebody can ask for", () => {
  const shown = arrows(ORDER_STATUSES);
  for (const from of ORDER_STATUSES) {
    for (const to of Object.keys(TRANSITIONS[from])) assert(shown.includes(`${from} ${to}`), `${from} ${to}`);
  }
});

Deno.test("the diagram of payments shows what can come of each, and nothing else", () => {
  const possible = PAYMENT_STATUSES.flatMap((from) =>
    PAYMENT_STATUSES.filter((to) => to !== from).filter((to) => becomes(from, to)).map((to) =>
      `${from} ${to}`
    )
  );
  assertEquals(arrows(PAYMENT_STATUSES).toSorted(), possible.toSorted());
});

Deno.test("the diagram of shipments shows what can come of each, and nothing else", () => {
  const statuses = ShipmentSchema.shape.status.options;
  const order = { status: "SHIPPED" } as Order;
  const possible = statuses.flatMap((status) => {
    const shipment = { status, items: [] as Shipment["items"] } as Shipment;
    const isPossible = (refuse: () => void) => {
      try {
        refuse();
        return true;
      } catch {
        return false;
      }
    };
    return [
      ...status !== "delivered" && isPossible(() => refuseIfCancelled(shipment)) ? ["delivered"] : [],
      ...status !== "cancelled" && isPossible(() => refuseUnlessCancellable(order, shipment, []))
        ? ["cancelled"]
        : [],
    ].map((to) => `${status} ${to}`);
  });
  assertEquals(arrows(statuses).toSorted(), possible.toSorted());
});

function becomes(from: StoredPayment["status"], to: StoredPayment["status"]): boolean {
  if (to === "created") return false;
  const before = { status: from, amount_captured: 0, amount_authorised: 0 } as StoredPayment;
  const said = { reference: "", status: to, amountCaptured: 0, amountAuthorised: 0 } as ChargeState;
  return afterState(new Date(), before, said).status === to;
}
