/**
 * The country names of the Online Retail data and their ISO 3166-1 alpha-2 codes. `null` stands where a name means
 * no single country, so that no code exists: such rows are set aside.
 *
 * The Channel Islands are two ISO countries, Jersey and Guernsey, and the data does not say which is meant. They
 * become Jersey, the larger: both are outside the UK's and the EU's customs and VAT areas.
 */
const ISO_CODES: Readonly<Record<string, string | null>> = {
  "Australia": "AU",
  "Austria": "AT",
  "Bahrain": "BH",
  "Belgium": "BE",
  "Brazil": "BR",
  "Canada": "CA",
  "Channel Islands": "JE",
  "Cyprus": "CY",
  "Czech Republic": "CZ",
  "Denmark": "DK",
  "EIRE": "IE",
  "European Community": null,
  "Finland": "FI",
  "France": "FR",
  "Germany": "DE",
  "Greece": "GR",
  "Hong Kong": "HK",
  "Iceland": "IS",
  "Israel": "IL",
  "Italy": "IT",
  "Japan": "JP",
  "Lebanon": "LB",
  "Lithuania": "LT",
  "Malta": "MT",
  "Netherlands": "NL",
  "Norway": "NO",
  "Poland": "PL",
  "Portugal": "PT",
  "RSA": "ZA",
  "Saudi Arabia": "SA",
  "Singapore": "SG",
  "Spain": "ES",
  "Sweden": "SE",
  "Switzerland": "CH",
  "United Arab Emirates": "AE",
  "United Kingdom": "GB",
  "Unspecified": null,
  "USA": "US",
};

/** The ISO code of a country as the data names it; `null` if it can have none, `undefined` if the name is unknown. */
export function isoCountry(name: string): string | null | undefined {
  return Object.hasOwn(ISO_CODES, name) ? ISO_CODES[name] : undefined;
}
