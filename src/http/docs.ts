import { Hono } from "hono";
import swagger from "swagger-ui-dist/package.json" with { type: "json" };

const TYPES = {
  "swagger-ui-bundle.js": "text/javascript; charset=utf-8",
  "swagger-ui.css": "text/css; charset=utf-8",
  "favicon-32x32.png": "image/png",
};

/** Where the assets stand. Swagger UI's version is part of it, so that browsers may keep them for ever. */
const ASSETS = `/docs/${swagger.version}`;

/**
 * `validatorUrl: null`: Swagger UI would otherwise show the document to a validator of its makers. To Swagger UI NDJSON is
 * JSON, so it shows the example of an import, which is text, as a string of JSON: it is sent as the text that it was.
 */
const START = `SwaggerUIBundle({
  url: "/openapi.json",
  dom_id: "#swagger-ui",
  deepLinking: true,
  displayRequestDuration: true,
  validatorUrl: null,
  requestInterceptor(request) {
    const isNdjson = request.headers["Content-Type"] === "application/x-ndjson";
    if (isNdjson && request.body?.startsWith('"')) request.body = JSON.parse(request.body);
    return request;
  },
});
`;

const PAGE = `<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8">
    <meta name="viewport" content="width=device-width, initial-scale=1">
    <title>Waybill API</title>
    <link rel="icon" href="${ASSETS}/favicon-32x32.png">
    <link rel="stylesheet" href="${ASSETS}/swagger-ui.css">
  </head>
  <body>
    <div id="swagger-ui"></div>
    <script src="${ASSETS}/swagger-ui-bundle.js"></script>
    <script src="/docs/start.js"></script>
  </body>
</html>
`;

/** Scripts and styles come from this server only; `data:` is for the icons inside Swagger UI's style sheet. */
const CONTENT_SECURITY_POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self' data:",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join("; ");

/** `/docs`: Swagger UI over /openapi.json, from the assets of the installed package and nowhere else. */
export const docsRoutes = new Hono();

docsRoutes.get("/docs", (c) => {
  return c.html(PAGE, 200, { "Content-Security-Policy": CONTENT_SECURITY_POLICY });
});

docsRoutes.get("/docs/start.js", (c) => {
  return c.body(START, 200, { "Content-Type": TYPES["swagger-ui-bundle.js"], "Cache-Control": "no-cache" });
});

for (const [file, type] of Object.entries(TYPES)) {
  docsRoutes.get(`${ASSETS}/${file}`, async (c) => {
    const headers = {
      "Content-Type": type,
      "Cache-Control": "public, max-age=31536000, immutable",
      "Vary": "Accept-Encoding",
    };
    const zips = /\bgzip\b/.test(c.req.header("Accept-Encoding") ?? "");
    if (!zips) return c.body(await readAsset(file), 200, headers);
    return c.body(await gzippedAsset(file), 200, { ...headers, "Content-Encoding": "gzip" });
  });
}

function readAsset(file: string): Promise<Uint8Array<ArrayBuffer>> {
  return Deno.readFile(new URL(import.meta.resolve(`swagger-ui-dist/${file}`)));
}

const gzipped = new Map<string, Promise<Uint8Array<ArrayBuffer>>>();

/** Zipped once for the process: the script is 1.7 MB, and zipping it takes longer than any other request. */
function gzippedAsset(file: string): Promise<Uint8Array<ArrayBuffer>> {
  return gzipped.getOrInsertComputed(file, () => {
    const asset = readAsset(file).then((bytes) => {
      const zipped = new Blob([bytes]).stream().pipeThrough(new CompressionStream("gzip"));
      return new Response(zipped).bytes();
    });
    asset.catch(() => gzipped.delete(file));
    return asset;
  });
}
