/** What is right, for whoever sent something else. */
export const HS_CODE_RULE =
  "must be 6, 8 or 10 digits, with or without dots (6912.00.23), beginning with a chapter of the Harmonized " +
  "System: 01 to 97, except 77, which is kept free";

const LAST_CHAPTER = 97;
const CHAPTER_KEPT_FREE = 77;

/**
 * The digits of a Harmonized System code: chapter, heading and subheading (six digits, the same the world over),
 * then up to four more of the importing country. Chapters 98 and 99 mean something else in every country.
 *
 * @returns undefined for what is no such code
 * @see WCO, Harmonized System Nomenclature, 2022 edition: https://www.wcoomd.org/en/topics/nomenclature.aspx
 */
export function parseHsCode(text: string): string | undefined {
  if (!/^\d+([. ]\d+)*$/.test(text)) return undefined;
  const digits = text.replace(/[. ]/g, "");
  if (![6, 8, 10].includes(digits.length)) return undefined;
  const chapter = Number(digits.slice(0, 2));
  return chapter >= 1 && chapter <= LAST_CHAPTER && chapter !== CHAPTER_KEPT_FREE ? digits : undefined;
}
