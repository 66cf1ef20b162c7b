import { assertEquals } from "@std/assert";
import { clientAddress } from "./client_address.ts";

Deno.test("an IPv6 caller is its /64, an IPv4 caller its address, also where it is written as IPv6", () => {
  const addressOf = clientAddress([]);
  assertEquals(addressOf("2001:db8:1:2:3:4:5:6", undefined), "2001:db8:1:2::/64");
  assertEquals(addressOf("2001:db8:1:2:ffff::1", undefined), "2001:db8:1:2::/64");
  assertEquals(addressOf("192.0.2.7", undefined), "192.0.2.7");
  assertEquals(addressOf("::ffff:192.0.2.7", undefined), "192.0.2.7");
});

Deno.test("what a stranger writes into X-Forwarded-For changes nothing, what a configured proxy writes is believed", () => {
  assertEquals(clientAddress([])("192.0.2.7", "198.51.100.1"), "192.0.2.7");
  assertEquals(clientAddress(["10.0.0.0/8"])("192.0.2.7", "198.51.100.1"), "192.0.2.7");
  assertEquals(clientAddress(["10.0.0.0/8"])("10.0.0.1", "203.0.113.9, 198.51.100.1"), "198.51.100.1");
});

Deno.test("a caller is the same over all its connections, also where a proxy writes their ports along", () => {
  const addressOf = clientAddress(["10.0.0.0/8"]);
  assertEquals(addressOf("10.0.0.1", "203.0.113.9:51000"), "203.0.113.9");
  assertEquals(addressOf("10.0.0.1", "[2001:db8::1]:51000, 10.0.0.2:8080"), "2001:db8::/64");
  assertEquals(addressOf("10.0.0.1", "[2001:db8::1]"), "2001:db8::/64");
});

Deno.test("who cannot be told by an address is one caller, whatever a proxy says of it", () => {
  const addressOf = clientAddress(["10.0.0.0/8"]);
  assertEquals(addressOf("10.0.0.1", "unknown"), "unknown");
  assertEquals(addressOf(undefined, undefined), "unknown");
  assertEquals(addressOf(undefined, "198.51.100.1"), "unknown");
});
