import type { TradeRules } from "./facts.ts";

/**
 * Between these there is no border of customs or VAT: the members of the European Union (Greece is GR in ISO 3166-1)
 * and Monaco, which counts as a part of France for both.
 *
 * @see Union Customs Code, Regulation (EU) No 952/2013, Article 4: https://eur-lex.europa.eu/eli/reg/2013/952/oj
 * @see https://taxation-customs.ec.europa.eu/territorial-status-eu-countries-and-certain-territories_en
 */
export const EU_TERRITORY: ReadonlySet<string> = new Set([
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
  "MC",
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
    (rules.customs_territory === "EU" && EU_TERRITORY.has(shipFrom));
}
