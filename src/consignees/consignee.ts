import { lettersOf } from "../platform/letters.ts";

/** Whoever receives the goods, as customs of some destinations want to know them. Never logged, never in an event. */
export interface Consignee {
  name: string;
  /** Which number it is: PCCC (Korea), CPF (Brazil), resident id (China) … */
  id_type: string;
  id_number: string;
}

/** So many last characters of a number stay readable, so that its owner knows it again; of a short one only the last. */
const READABLE_END = 4;
const LONG_FROM = 8;

/** All but the first character of each word is covered: "Ada Lovelace" → "A** L*******"; a lone letter is covered too. */
export function maskName(name: string): string {
  return name.split(/\s+/).map((word) => {
    const [first, ...rest] = lettersOf(word);
    return rest.length === 0 ? "*" : first + "*".repeat(rest.length);
  }).join(" ");
}

/** All but the last four characters is covered, of fewer than eight all but the last: "P123456789012" → "*********9012". */
export function maskId(idNumber: string): string {
  const letters = lettersOf(idNumber);
  const covered = letters.length - (letters.length < LONG_FROM ? 1 : READABLE_END);
  return "*".repeat(covered) + letters.slice(covered).join("");
}
