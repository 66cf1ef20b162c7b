import type { TradeRules } from "./facts.ts";

/**
 * The members of the European Union, whose customs territory is one (Greece is GR in ISO 3166-1).
 *
 * @see Union Customs Code, Regulation (EU) No 952/2013, Article 4: https://eur-lex.europa.eu/eli/reg/2013/952/oj
 */
export const EU_MEMBERS: ReadonlySet<string> = new Set([
  "AT",
  "BE",
  "BG",
  "CY",
  "CZ",
  "DE",
  "DK",
  "EE",
  "ES",
  "FI",
  "FR",
  "GR",
  "HR",
  "HU",
  "IE",
  "IT",
  "LT",
  "LU",
  "LV",
  "MT",
  "NL",
  "PL",
  "PT",
  "RO",
  "SE",
  "SI",
  "SK",
]);

/** Do goods cross no customs border between `shipFrom` and a destination with these rules? */
export function isDomestic(shipFrom: string, destination: string, rules: TradeRules): boolean {
  return shipFrom === destination || shipFrom === rules.customs_territory ||
    (rules.customs_territory === "EU" && EU_MEMBERS.has(shipFrom));
}
