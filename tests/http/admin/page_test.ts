import { assert, assertEquals } from "@std/assert";
import { startTestApp } from "../../support/app.ts";

Deno.test("The page of jobs loads nothing but what this server ships, and runs nothing inline", async () => {
  await using app = await startTestApp();
  for (const path of ["/admin", "/admin/", "/api/admin"]) {
    assertEquals((await app.request("GET", path)).status, 200, path);
  }
  const { headers, body: html } = await app.request("GET", "/admin");
  const policy = headers.get("Content-Security-Policy")!;
  for (const part of ["default-src 'none'", "script-src 'self'", "style-src 'self'", "form-action 'none'"]) {
    assert(policy.includes(part), part);
  }
  assert(!policy.includes("unsafe"));
  assertEquals(headers.get("X-Frame-Options"), "DENY");
  const addresses = [...html.matchAll(/(?:src|href)="([^"]+)"/g)].map((match) => match[1]!);
  assertEquals(addresses.sort(), ["/admin/page.css", "/admin/page.js", "data:,"]);
  for (
    const [path, type] of [["/admin/page.css", "text/css"], ["/admin/page.js", "text/javascript"]] as const
  ) {
    const asset = await app.request("GET", path);
    assertEquals([asset.status, asset.headers.get("Content-Type")], [200, `${type}; charset=utf-8`]);
    assert(asset.body.length > 0);
  }
  assert(!/<script>|<style|style=|\son\w+=/.test(html), "inline code would be refused by the policy");
  const labels = [...html.matchAll(/aria-labelledby="([^"]+)"/g)].map((match) => match[1]!);
  assertEquals(labels, [...new Set(labels)], "a screen reader lists the regions of a page by name");
});

Deno.test("The page holds nothing itself, keeps no token anywhere, and writes no markup of what it is told", async () => {
  await using app = await startTestApp();
  const { body: script } = await app.request("GET", "/admin/page.js");
  assert(
    !/localStorage|sessionStorage|cookie|innerHTML|outerHTML|insertAdjacentHTML|eval|document\.write/.test(
      script,
    ),
  );
  assertEquals((await app.request("GET", "/admin/jobs")).status, 401, "beside the page, /admin/… is the API");
  assertEquals((await app.request("GET", "/admin/page.ts")).status, 404);
});
