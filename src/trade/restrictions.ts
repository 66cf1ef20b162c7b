import type { Schedule, TradeProduct, TradeRules } from "./facts.ts";

/** A rule of a destination that is against goods, and what it says of them. */
interface FoundRestriction {
  rule: TradeRules["restrictions"][number];
  message: string;
}

/**
 * Each rule of the destination that keeps these goods out, or lets them in with a licence only. Goods whose code ends
 * before the rule's does may be meant by it, so nothing is promised for them either.
 *
 * @param hsCode the destination's own code for them, else the product's; null: found by their category alone
 */
export function findRestrictions(
  { sku, category }: Pick<TradeProduct, "sku" | "category">,
  hsCode: string | null,
  { rules, destination }: Pick<Schedule, "rules" | "destination">,
): FoundRestriction[] {
  const code = hsCode ?? "";
  const isTooShort = (prefix: string) =>
    code !== "" && prefix.length > code.length && prefix.startsWith(code);
  return rules.restrictions
    .filter((rule) =>
      rule.hs_prefix === null
        ? rule.category === category
        : code.startsWith(rule.hs_prefix) || isTooShort(rule.hs_prefix)
    )
    .map((rule) => {
      const goods = isTooShort(rule.hs_prefix ?? "")
        ? `${sku}, whose HS code ${code} is too short to tell for sure, so staff set a longer one,`
        : sku;
      const what = rule.verdict === "forbidden" ? "must not be sent" : "needs a licence to be sent";
      return { rule, message: `${goods} ${what} to ${destination}: ${rule.reason}` };
    });
}
