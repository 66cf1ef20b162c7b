/**
 * The rule for goods: of those whose HS prefix their code begins with, and whose condition is either none or theirs,
 * the longest prefix counts; of equal ones that with a condition before that without; of equals still, the first.
 * Goods without a code fit the empty prefix only.
 */
export function matchRule<Rule extends { hs_prefix: string }>(
  rules: readonly Rule[],
  hsCode: string | null,
  conditionOf: (rule: Rule) => string | null,
  known: string | null,
): Rule | undefined {
  const code = hsCode ?? "";
  const byPrefix = indexOf(rules);
  for (let digits = code.length; digits >= 0; digits--) {
    const alike = byPrefix.get(code.slice(0, digits)) ?? [];
    const best = alike.find((rule) => conditionOf(rule) === known) ??
      alike.find((rule) => conditionOf(rule) === null);
    if (best) return best;
  }
}

/** Of each list of rules those by prefix: a law has thousands, and each of a thousand lines asks for its own. */
const indexes = new WeakMap<readonly { hs_prefix: string }[], Map<string, { hs_prefix: string }[]>>();

function indexOf<Rule extends { hs_prefix: string }>(rules: readonly Rule[]): Map<string, Rule[]> {
  const known = indexes.get(rules) as Map<string, Rule[]> | undefined;
  if (known) return known;
  const index = Map.groupBy(rules, ({ hs_prefix }) => hs_prefix);
  indexes.set(rules, index);
  return index;
}
