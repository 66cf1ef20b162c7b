/** `deno task ok`: what must hold before a commit, all at once, in seconds. The tests are `deno task test`. */

const STEPS: Record<string, string[]> = {
  "format": ["fmt", "--check"],
  "lint": ["lint"],
  "types": ["check", "--quiet", "."],
  "import directions": ["run", "--allow-read=src,workers", "tools/check_imports.ts"],
  "docs/openapi.json fresh": ["task", "--quiet", "openapi", "--check"],
  "docs/openapi.json lint": ["run", "--allow-read=.", "--allow-env", "--allow-sys", "tools/lint_openapi.ts"],
  "sdk/src fresh": ["task", "--quiet", "sdk", "--check"],
};

async function run(
  [name, args]: [string, string[]],
): Promise<{ name: string; success: boolean; output: string }> {
  const start = performance.now();
  const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), { args }).output();
  const seconds = ((performance.now() - start) / 1000).toFixed(1);
  console.log(`${success ? "ok    " : "FAILED"} ${seconds.padStart(5)} s  ${name}`);
  const decoder = new TextDecoder();
  return { name, success, output: decoder.decode(stdout) + decoder.decode(stderr) };
}

const results = await Promise.all(Object.entries(STEPS).map(run));
const failed = results.filter(({ success }) => !success);
for (const { name, output } of failed) console.error(`\n${name} failed:\n${output.trimEnd()}`);
if (failed.length > 0) Deno.exit(1);
