/** Holds the import directions of docs/architecture.md, and that SQL and the environment are read where they belong. */

/** A domain may import those to the left of it, through their mod.ts. */
const DOMAINS =
  ("identity catalogue inventory promotions trade carts quotes consignees orders payments checkout returns rewards documents " +
    "notifications events webhooks realtime admin").split(" ");

/** What everything may know. */
const CONFIG = ["settings", "config"];

/** What a file's imports and text break; `file` and the answers are paths from the root of the repository. */
export function violations(file: string, source: string): string[] {
  const code = source.replace(/\/\*[\s\S]*?\*\//g, "").replace(/(^|\s)\/\/.*$/gm, "");
  const imports = [...code.matchAll(/\b(?:from|import)\s*\(?\s*"(\.[^"]+)"/g)];
  const found = imports.flatMap(([, specifier]) => {
    const target = new URL(specifier!, `file:///${file}`).pathname.slice(1);
    const reason = reasonAgainst(file, target);
    return reason ? [`${file} imports ${target}: ${reason}`] : [];
  });
  const mayHoldSql = roomOf(file) === "platform" || /[/_]queries\.ts$/.test(file);
  if (!mayHoldSql && /\b(?:sql|tx)\s*(?:<[^`;]*>)?`/.test(code)) {
    found.push(`${file} writes SQL: it stands in queries.ts`);
  }
  if (/\bDeno\.env\b/.test(code) && !file.endsWith("/main.ts")) {
    found.push(`${file} reads the environment: only the two main.ts do`);
  }
  return found;
}

function reasonAgainst(file: string, target: string): string | undefined {
  const from = roomOf(file);
  const to = roomOf(target);
  if (from === to || CONFIG.includes(to)) return undefined;
  const targetIsDomain = DOMAINS.includes(to);
  const isDoor = target.endsWith("/mod.ts") || (from === "app" && target.endsWith("/routes.ts"));
  if (targetIsDomain && !isDoor) return "a domain is used through its mod.ts";
  if (from === "platform" || CONFIG.includes(from)) return "the ground imports nothing above it";
  if (from === "http") {
    return ["platform", "deps", "identity"].includes(to)
      ? undefined
      : "http/ imports platform/ and identity only";
  }
  if (from === "workers" && to === "http") return "workers do not speak HTTP";
  if (!DOMAINS.includes(from)) return undefined;
  if (to === "platform") return undefined;
  if (to === "http") {
    return /\/(routes|schemas)\.ts$/.test(file) ? undefined : "only routes.ts and schemas.ts import http/";
  }
  if (!targetIsDomain) return "domains do not know who assembles them";
  return DOMAINS.indexOf(to) < DOMAINS.indexOf(from) ? undefined : `${to} is not to the left of ${from}`;
}

/** `src/orders/mod.ts` → `orders`; `src/app.ts` → `app`; `workers/main.ts` → `workers`. */
function roomOf(file: string): string {
  const [top, next = ""] = file.split("/");
  return top === "src" ? next.replace(/\.ts$/, "") : top!;
}

async function* sourceFiles(directory: string): AsyncGenerator<string> {
  for await (const { name, isDirectory } of Deno.readDir(directory)) {
    if (isDirectory) yield* sourceFiles(`${directory}/${name}`);
    else if (name.endsWith(".ts") && !name.endsWith("_test.ts")) yield `${directory}/${name}`;
  }
}

if (import.meta.main) {
  const found: string[] = [];
  for (const directory of ["src", "workers"]) {
    for await (const file of sourceFiles(directory)) {
      found.push(...violations(file, await Deno.readTextFile(file)));
    }
  }
  if (found.length > 0) {
    console.error(found.sort().join("\n"));
    Deno.exit(1);
  }
}
