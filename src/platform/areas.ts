/** The parts of the API, which are the tags of its document. */
export const AREAS = [
  { name: "Identity", description: "Accounts, guests, tokens, API keys, roles" },
  { name: "Catalogue", description: "Products and their prices" },
  { name: "Inventory", description: "What is in stock, and every movement" },
  { name: "Promotions", description: "Coupon codes: what they take off, and who used them" },
  { name: "Trade", description: "Exchange rates, duties, taxes and shipping across borders" },
  { name: "Carts", description: "What somebody is about to order" },
  { name: "Quotes", description: "What it will cost at the door, bound for a while" },
  { name: "Checkout", description: "From a quote to an order" },
  { name: "Orders", description: "Placing orders and working with them" },
  { name: "Shipments", description: "What left, and what arrived" },
  { name: "Payments", description: "Payments, captures, refunds" },
  { name: "Ledger", description: "The books" },
  { name: "Returns", description: "What comes back" },
  { name: "Rewards", description: "Points that orders earn by campaigns, and what they are good for" },
  { name: "Documents", description: "Papers for customs" },
  { name: "Events", description: "Everything that happened, in order" },
  { name: "Notifications", description: "E-mails to users" },
  { name: "Webhooks", description: "Telling other systems" },
  { name: "Administration", description: "Queues, jobs and the books' invariants, for staff" },
  { name: "Operations", description: "Is it up?" },
] as const;

/** What an API key may be limited to: `orders:read`, or `orders:write`, which has the other in it. */
export type Scope = `${Lowercase<typeof AREAS[number]["name"]>}:${"read" | "write"}`;
export const SCOPES = AREAS.flatMap(({ name }) =>
  (["read", "write"] as const).map((access) => `${name.toLowerCase()}:${access}` as Scope)
);

/** What a key must have for calls of this tag and method. */
export function scopeOf(tag: string | undefined, method: string): Scope {
  const needed = `${tag?.toLowerCase()}:${method === "get" ? "read" : "write"}`;
  const scope = SCOPES.find((each) => each === needed);
  if (!scope) throw new Error(`${tag} is no area of the API.`);
  return scope;
}

/** Do these let through what needs `scope`? */
export function covers(scopes: readonly string[], scope: string): boolean {
  return scopes.includes(scope) || scopes.includes(scope.replace(/:read$/, ":write"));
}
