/**
 * `deno task sdk`: generates sdk/src from docs/openapi.json and compiles the SDK for Node into sdk/dist.
 * With `--check` it only says whether sdk/src is fresh; sdk/dist is not committed.
 */

import ts from "typescript";

const SRC = path("../sdk/src");
const DIST = path("../sdk/dist");
/** Ignored by git, the formatter and the linter alike. */
const CHECKED = path("../node_modules/.cache/waybill-sdk");

if (import.meta.main) {
  if (Deno.args.includes("--check")) {
    await check();
  } else {
    await generate(SRC);
    await Deno.remove(DIST, { recursive: true }).catch(() => {});
    compileSdk(DIST);
  }
}

async function check(): Promise<void> {
  await generate(CHECKED);
  const [committed, fresh] = await Promise.all([readTree(SRC), readTree(CHECKED)]);
  const stale = [...new Set([...committed.keys(), ...fresh.keys()])]
    .filter((file) => committed.get(file) !== fresh.get(file));
  if (stale.length === 0) return;
  console.error(
    `sdk/src is not what docs/openapi.json says: run \`deno task sdk\`.\n  ${stale.join("\n  ")}`,
  );
  Deno.exit(1);
}

/** One class with a method for each operation, its types, and the small fetch client that they stand on. */
async function generate(directory: string): Promise<void> {
  // Asked nicely, a dependency of the generator does not look for WSL in /proc, which Deno allows to no one but `-A`.
  Deno.env.set("__IS_WSL_TEST__", "1");
  const { createClient } = await import("@hey-api/openapi-ts");
  const document = JSON.parse(await Deno.readTextFile(path("../docs/openapi.json")));
  delete document.paths["/v1/events/socket"]; // a WebSocket is no fetch
  await createClient({
    input: document,
    output: { path: directory, importFileExtension: ".ts", clean: true },
    plugins: [
      "@hey-api/client-fetch",
      "@hey-api/typescript",
      { name: "@hey-api/sdk", operations: { strategy: "single", containerName: "Waybill" } },
    ],
    logs: { level: "silent", file: false },
  });
}

/** Node strips no types from packages, so it gets JavaScript and declarations. @throws on a type error */
export function compileSdk(outDir: string): void {
  const program = ts.createProgram([path("../sdk/mod.ts")], {
    target: ts.ScriptTarget.ES2022,
    module: ts.ModuleKind.NodeNext,
    lib: ["lib.es2023.d.ts", "lib.dom.d.ts", "lib.dom.iterable.d.ts"],
    types: [],
    strict: true,
    declaration: true,
    rewriteRelativeImportExtensions: true,
    rootDir: path("../sdk"),
    outDir,
  });
  const emitted = program.emit(undefined, undefined, undefined, undefined, {
    afterDeclarations: [allowUndefined],
  });
  const diagnostics = [...ts.getPreEmitDiagnostics(program), ...emitted.diagnostics];
  if (diagnostics.length === 0) return;
  throw new Error(ts.formatDiagnostics(diagnostics, {
    getCanonicalFileName: (file) => file,
    getCurrentDirectory: () => Deno.cwd(),
    getNewLine: () => "\n",
  }));
}

/**
 * What may be left out may also be undefined, which is not sent either: under `exactOptionalPropertyTypes`, which
 * `tsc --init` sets, a `cursor` that may be undefined could not be passed on. The generator knows no such option.
 */
function allowUndefined(context: ts.TransformationContext) {
  const visit = (node: ts.Node): ts.Node => {
    const made = ts.visitEachChild(node, visit, context);
    if (!ts.isPropertySignature(made) || !made.questionToken || !made.type) return made;
    if (made.type.kind === ts.SyntaxKind.NeverKeyword) return made;
    const { modifiers, name, questionToken, type } = made;
    const either = [type, ts.factory.createKeywordTypeNode(ts.SyntaxKind.UndefinedKeyword)];
    const union = ts.factory.createUnionTypeNode(either);
    return ts.factory.updatePropertySignature(made, modifiers, name, questionToken, union);
  };
  return (file: ts.SourceFile | ts.Bundle) => ts.visitEachChild(file, visit, context);
}

/** The text of every file in a directory, by its path there; nothing where there is no directory. */
async function readTree(directory: string, prefix = ""): Promise<Map<string, string>> {
  const files = new Map<string, string>();
  const entries = await Array.fromAsync(Deno.readDir(directory)).catch(() => []);
  for (const { name, isDirectory } of entries) {
    const child = `${directory}/${name}`;
    const inside = isDirectory
      ? await readTree(child, `${prefix}${name}/`)
      : [[prefix + name, await Deno.readTextFile(child)] as const];
    for (const [file, text] of inside) files.set(file, text);
  }
  return files;
}

function path(relative: string): string {
  return decodeURIComponent(new URL(relative, import.meta.url).pathname);
}
