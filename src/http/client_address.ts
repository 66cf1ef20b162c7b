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
    if (trustedProxies.length === 0 || forwardedFor === undefined) return peer;
    return proxyAddr(
      { socket: { remoteAddress: peer }, headers: { "x-forwarded-for": forwardedFor } },
      trust,
    );
  };
}
