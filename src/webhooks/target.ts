import { lookup } from "node:dns/promises";
import ipaddr from "ipaddr.js";

/** Gives every address of a host name, those to try first in front. */
type Resolve = (host: string) => Promise<string[]>;

/** A URL that webhooks must not go to. Its message says why, as words that follow "url". */
export class ForbiddenTargetError extends Error {
  override readonly name = "ForbiddenTargetError";
}

export interface TargetRules {
  /** Also http and addresses that are not on the public internet: while developing and in tests. */
  allowPrivateAddresses: boolean;
  resolve?: Resolve;
}

const resolveByDns: Resolve = async (host) =>
  (await lookup(host, { all: true, order: "ipv4first" })).map(({ address }) => address);

/** All of the public IPv6 internet that was ever handed out. */
const GLOBAL_IPV6 = ipaddr.parseCIDR("2000::/3") as [ipaddr.IPv6, number];

/**
 * Is this an address on the public internet? Not one of this machine, a private network, a link, a group, or of a
 * form that holds an IPv4 address inside (6to4, Teredo, NAT64), which a router could unwrap.
 */
export function isPublicAddress(text: string): boolean {
  if (!ipaddr.isValid(text)) return false;
  const address = ipaddr.process(text);
  if (address.range() !== "unicast") return false;
  return address.kind() === "ipv4" || address.match(GLOBAL_IPV6);
}

/** The host of a URL, an IPv6 address without its brackets. */
export function hostOf(url: URL): string {
  return url.hostname.replace(/^\[(.*)\]$/, "$1");
}

/**
 * The addresses that a URL leads to, after every one was checked: connect to these and look up nothing again, or a
 * name that answers differently the second time (DNS rebinding) gets past the check.
 *
 * @throws ForbiddenTargetError
 */
export async function checkedAddresses(url: URL, rules: TargetRules): Promise<string[]> {
  const { allowPrivateAddresses, resolve = resolveByDns } = rules;
  if (url.protocol !== "https:" && !(allowPrivateAddresses && url.protocol === "http:")) {
    throw new ForbiddenTargetError("must be an https:// URL");
  }
  if (url.username !== "" || url.password !== "") {
    throw new ForbiddenTargetError("must not hold a user name or password");
  }
  const host = hostOf(url);
  const addresses = ipaddr.isValid(host) ? [host] : await resolve(host).catch(() => []);
  if (addresses.length === 0) throw new ForbiddenTargetError("must name a host that can be found (DNS)");
  if (!allowPrivateAddresses && !addresses.every(isPublicAddress)) {
    throw new ForbiddenTargetError("must lead to addresses on the public internet only");
  }
  return addresses;
}
