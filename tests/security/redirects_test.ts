import { assert, assertEquals } from "@std/assert";
import { quoted, tryCheckOut } from "../support/checkout.ts";
import { startPaidShop, tryToPay } from "../support/payments.ts";
import { inWorld } from "./operations.ts";

const NO_WEB_ADDRESSES = [
  "javascript:alert(1)",
  "JavaScript:alert(1)",
  " javascript:alert(1)",
  "java\nscript:alert(1)",
  "data:text/html,<script>alert(1)</script>",
  "vbscript:x",
  "file:///etc/passwd",
  "ftp://shop.example/",
  "blob:https://shop.example/1",
  "//evil.example",
  "/thanks",
  "\\\\evil.example",
  "shop.example",
  "",
];

Deno.test("A customer comes back to http(s) addresses only, whichever call names them", async () => {
  await using shop = await startPaidShop();
  const { app, user, sku } = shop;
  const { quote } = await quoted(app, user, { [sku]: 1 });
  const { order } = await shop.checkOut();
  for (const return_url of NO_WEB_ADDRESSES) {
    const paid = await tryToPay(app, user, order.id, "tok_3ds", { return_url });
    assertEquals([paid.status, paid.body.errors[0].pointer], [422, "/return_url"], return_url);
    const payment = { provider: "sandbox", payment_method: "tok_3ds", return_url };
    const checkedOut = await tryCheckOut(app, user, quote, { payment });
    assertEquals([checkedOut.status, checkedOut.body.errors[0].pointer], [422, "/payment/return_url"]);
  }
});

Deno.test("The sandbox's page sends nobody anywhere but where the payment said", async () => {
  await using shop = await startPaidShop();
  const { app, checkOut } = shop;
  const evil = "https://evil.example/";
  const { payment: silent } = await checkOut("tok_3ds");
  const { payment } = await checkOut("tok_3ds", { return_url: "https://shop.example/thanks" });
  const names = ["return_url", "returnUrl", "next", "redirect_uri", "url", "payment_id"];
  const query = new URLSearchParams(names.map((name) => [name, evil]));
  for (const { redirect_url } of [silent, payment]) {
    const page = await app.request("GET", `${redirect_url}?${query}`);
    assert(!`${page.body}${[...page.headers]}`.includes("evil"), "nothing of the address gets into the page");
  }
  const form = { outcome: "success", ...Object.fromEntries(query) };
  const forged = { "X-Forwarded-Host": "evil.example", "Referer": evil, "Origin": evil };
  const stays = await app.request("POST", `${silent.redirect_url}?${query}`, { form, headers: forged });
  assertEquals([stays.status, stays.headers.get("Location")], [200, null]);
  const goes = await app.request("POST", `${payment.redirect_url}?${query}`, { form, headers: forged });
  const back = `https://shop.example/thanks?payment_id=${payment.id}`;
  assertEquals([goes.status, goes.headers.get("Location")], [303, back]);
});

Deno.test("An address to return to writes nothing into the page's policy, headers or text", async () => {
  await using shop = await startPaidShop();
  const { app, sku, user } = shop;
  const hostile = [
    "https://shop.example;script-src/",
    "https://shop.example,default-src/",
    "https://shop.example/\r\nSet-Cookie: a=b",
    'https://shop.example/"><script>alert(1)</script>',
    "https://shop.example/?a=%0d%0aSet-Cookie:%20a=b",
  ];
  for (const return_url of hostile) {
    const { quote } = await quoted(app, user, { [sku]: 1 });
    const payment = { provider: "sandbox", payment_method: "tok_3ds", return_url };
    const answer = await tryCheckOut(app, user, quote, { payment });
    if (answer.status === 422) continue;
    assertEquals(answer.status, 201, return_url);
    const { redirect_url } = answer.body.payment;
    const page = await app.request("GET", redirect_url);
    const directives = page.headers.get("Content-Security-Policy")!.split(/[;,]/).map((each) =>
      each.trim().split(" ")[0]
    );
    assertEquals(directives, ["default-src", "base-uri", "form-action", "frame-ancestors"], return_url);
    assert(!page.body.includes("<script"), return_url);
    const done = await app.request("POST", redirect_url, { form: { outcome: "fail" } });
    assertEquals([done.status, done.headers.get("Set-Cookie")], [303, null], return_url);
  }
});

Deno.test("Nobody learns of a check that they have no address of, nor reaches another charge through it", async () => {
  await using shop = await startPaidShop();
  const { app, checkOut } = shop;
  const { payment } = await checkOut("tok_success");
  const odd = [
    payment.provider_reference,
    payment.id,
    "sandbox_",
    "%00",
    "..%2f..%2fetc%2fpasswd",
    "'--",
    "a".repeat(3000),
  ];
  const seen = new Set<string>();
  for (const reference of odd) {
    for (const options of [undefined, { form: { outcome: "success" } }]) {
      const answer = await app.request(options ? "POST" : "GET", `/sandbox/3ds/${reference}`, options);
      assertEquals([answer.status, answer.body.code], [404, "not_found"], reference);
      if (reference.startsWith("sandbox_0")) seen.add(answer.body.detail);
    }
  }
  const none = `/sandbox/3ds/${payment.provider_reference.replace(/.$/, "x")}`;
  assertEquals((await app.request("GET", none)).status, 404);
});

Deno.test("A parcel is followed at http(s) addresses only", async () => {
  await inWorld(async ({ app, staff, books }) => {
    for (const tracking_url of NO_WEB_ADDRESSES) {
      const body = { items: [{ line: 1, quantity: 1 }], tracking_url };
      for (
        const [method, path] of [
          ["POST", `/v1/orders/${books.paid.orderId}/shipments`],
          ["PATCH", `/v1/shipments/${books.shipmentId}`],
        ] as const
      ) {
        const sent = method === "POST" ? body : { tracking_url };
        const answer = await app.request(method, path, { token: staff.token, body: sent });
        assertEquals([answer.status, answer.body.errors[0].pointer], [422, "/tracking_url"], tracking_url);
      }
    }
  });
});
