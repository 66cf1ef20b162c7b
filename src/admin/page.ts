import { Hono } from "hono";
import PAGE from "./page/page.html" with { type: "text" };
import SCRIPT from "./page/page.js" with { type: "text" };
import STYLE from "./page/page.css" with { type: "text" };

/** Everything comes from this server. A login that the script does not take is sent nowhere. */
const CONTENT_SECURITY_POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src data:",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join("; ");

/** `/admin`: the jobs for people to look at. The page holds nothing itself; it calls the API with the user's token. */
export const adminPage = new Hono();

adminPage.get("/admin", (c) => {
  return c.html(PAGE, 200, {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "Cache-Control": "no-cache",
  });
});

adminPage.get("/admin/page.js", (c) => {
  return c.body(SCRIPT, 200, {
    "Content-Type": "text/javascript; charset=utf-8",
    "Cache-Control": "no-cache",
  });
});

adminPage.get("/admin/page.css", (c) => {
  return c.body(STYLE, 200, { "Content-Type": "text/css; charset=utf-8", "Cache-Control": "no-cache" });
});
