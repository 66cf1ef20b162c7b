import { assert, assertEquals, assertMatch } from "@std/assert";
import { invoicePath } from "../http/documents/support.ts";
import { inWorld } from "./operations.ts";

const TRAVERSALS = [
  "..",
  "../..",
  "..%2f..%2f..%2fetc%2fpasswd",
  "%2e%2e%2f%2e%2e%2fetc%2fpasswd",
  "..%5c..%5cwindows",
  "..%252f..%252fetc%252fpasswd",
  "%00",
  "....//....//etc/passwd",
  "file:%2f%2f%2fetc%2fpasswd",
];

Deno.test("No spelling of a document's address leads to anything but an order's own invoice", async () => {
  await inWorld(async ({ app, admin, books }) => {
    const paths = TRAVERSALS.flatMap((payload) => [
      invoicePath(payload),
      `/v1/orders/${books.unpaid}/documents/${payload}`,
      `/v1/orders/${books.unpaid}/documents/${payload}/commercial-invoice.pdf`,
      `${invoicePath(books.unpaid)}/${payload}`,
      `/docs/${payload}`,
      `/admin/${payload}`,
    ]);
    for (const path of paths) {
      const answer = await app.request("GET", path, { token: admin.token });
      const isOtherPage = answer.status === 200 && !new URL(path, "http://x").pathname.includes("%");
      assert(
        isOtherPage || [301, 302, 307, 308, 404, 405, 422].includes(answer.status),
        `${answer.status}: ${path}`,
      );
      assert(!/root:.*:0:0/.test(JSON.stringify(answer.body)), path);
      assert(!answer.headers.get("Content-Type")?.includes("pdf"), path);
    }
  });
});

Deno.test("What a customer writes names no file and opens no header of a document", async () => {
  await inWorld(async ({ app, owner, books }) => {
    const hostile = 'a"; filename="../../x.exe\r\nSet-Cookie: a=b';
    const ship_to = { name: hostile, lines: [hostile], city: hostile, postal_code: "1", country: "GB" };
    const changed = await app.request("PATCH", `/v1/orders/${books.unpaid}`, {
      token: owner.token,
      body: { ship_to, note: hostile },
    });
    assertEquals(changed.status, 200, JSON.stringify(changed.body));
    const { status, headers } = await app.request("GET", invoicePath(books.unpaid), { token: owner.token });
    assertEquals([status, headers.get("Content-Type"), headers.get("Set-Cookie")], [
      200,
      "application/pdf",
      null,
    ]);
    assertMatch(headers.get("Content-Disposition")!, /^(inline|attachment); filename="[A-Za-z0-9-]+\.pdf"$/);
    assertEquals(headers.get("X-Content-Type-Options"), "nosniff");
  });
});

Deno.test("A document is for its owner and staff alone, also once somebody has fetched it", async () => {
  await inWorld(async ({ app, owner, stranger, books }) => {
    const path = invoicePath(books.unpaid);
    const own = await app.request("GET", path, { token: owner.token });
    assertMatch(own.headers.get("Cache-Control")!, /^private/);
    const conditional = { "If-None-Match": own.headers.get("ETag")! };
    for (const headers of [{}, conditional]) {
      assertEquals((await app.request("GET", path, { token: stranger.token, headers })).status, 404);
      assertEquals((await app.request("GET", path, { headers })).status, 401);
    }
    assertEquals((await app.request("GET", path, { token: owner.token, headers: conditional })).status, 304);
  });
});
