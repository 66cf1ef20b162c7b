import { assertEquals, assertRejects } from "@std/assert";
import { checkedAddresses, ForbiddenTargetError, isPublicAddress } from "./target.ts";

Deno.test("only addresses of the public internet are public", () => {
  for (const address of ["8.8.8.8", "1.1.1.1", "2606:4700::1111", "::ffff:8.8.8.8"]) {
    assertEquals(isPublicAddress(address), true, address);
  }
  const others =
    `0.0.0.0 0.1.2.3 10.0.0.1 100.64.0.1 127.0.0.1 127.255.0.1 169.254.169.254 172.16.0.1 172.31.255.255
    192.0.0.8 192.0.2.1 192.88.99.1 192.168.1.1 198.18.0.1 198.51.100.1 203.0.113.1 224.0.0.1 240.0.0.1
    255.255.255.255 :: ::1 ::7f00:1 ::127.0.0.1 ::ffff:127.0.0.1 ::ffff:7f00:1 ::ffff:0:7f00:1 64:ff9b::7f00:1
    64:ff9b:1::a00:1 100::1 2001::1 2001:db8::1 2002:7f00:1:: 2002:a00:1::1 3fff::1 4000::1 5f00::1 fc00::1
    fd00:ec2::254 fe80::1 fec0::1 ff02::1 localhost 127.1.example`.split(/\s+/);
  for (const address of others) assertEquals(isPublicAddress(address), false, address);
});

Deno.test("a name with one private address among public ones is refused", async () => {
  const rules = {
    allowPrivateAddresses: false,
    resolve: () => Promise.resolve(["8.8.8.8", "10.0.0.1"]),
  };
  await assertRejects(() => checkedAddresses(new URL("https://a.example/"), rules), ForbiddenTargetError);
});

Deno.test("names are looked up, addresses are taken as they are", async () => {
  const asked: string[] = [];
  const resolve = (host: string) => (asked.push(host), Promise.resolve(["8.8.8.8", "2606:4700::1111"]));
  const rules = { allowPrivateAddresses: false, resolve };
  assertEquals(await checkedAddresses(new URL("https://a.example:444/x"), rules), [
    "8.8.8.8",
    "2606:4700::1111",
  ]);
  assertEquals(await checkedAddresses(new URL("https://[2606:4700::1111]/"), rules), ["2606:4700::1111"]);
  assertEquals(asked, ["a.example"]);
});
