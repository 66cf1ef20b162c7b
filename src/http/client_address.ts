import ipaddr from "ipaddr.js";
import proxyAddr from "proxy-addr";

/**
 * How to find a caller's address. `X-Forwarded-For` is believed only as far as it was written by the configured
 * proxies; what a stranger puts there changes nothing.
 *
 * @param trustedProxies addresses, CIDR ranges, or `loopback`, `linklocal`, `uniquelocal`
 */
export function clientAddress(
  trustedProxies: string[],
): (peer: string | undefined, forwardedFor: string | undefined) => string {
  const trust = proxyAddr.compile(trustedProxies);
  return (peer, forwardedFor) => {
    if (peer === undefined) return "unknown";
    if (forwardedFor === undefined) return network(peer);
    return network(proxyAddr(
      { socket: { remoteAddress: peer }, headers: { "x-forwarded-for": withoutPorts(forwardedFor) } },
      trust,
    ));
  };
}

/** Some proxies write the caller's port along, `203.0.113.9:51000` or `[2001:db8::1]:51000`: another for each connection. */
function withoutPorts(forwardedFor: string): string {
  return forwardedFor.split(",")
    .map((entry) => entry.trim().replace(/^\[(.*)\](:\d+)?$/, "$1").replace(/^([\d.]+):\d+$/, "$1"))
    .join(",");
}

/** An IPv6 customer has a whole /64 to call from, so that is one caller; an IPv4 address stands for itself. */
function network(address: string): string {
  if (!ipaddr.isValid(address)) return address;
  const parsed = ipaddr.process(address);
  if (parsed.kind() === "ipv4") return parsed.toString();
  return `${ipaddr.IPv6.networkAddressFromCIDR(`${parsed}/64`)}/64`;
}
