/**
 * The rule for goods: of those whose HS prefix their code begins with, and whose condition is either none or theirs,
 * the longest prefix counts; of equal ones that with a condition before that without; of equals still, the first.
 * Goods without a code fit the empty prefix only.
 */
export function matchRule<Rule extends { hs_prefix: string }>(
  rules: Rule[],
  hsCode: string | null,
  conditionOf: (rule: Rule) => string | null,
  known: string | null,
): Rule | undefined {
  const rank = (rule: Rule) => 2 * rule.hs_prefix.length + (conditionOf(rule) === null ? 0 : 1);
  let best: Rule | undefined;
  for (const rule of rules) {
    const condition = conditionOf(rule);
    const fits = (hsCode ?? "").startsWith(rule.hs_prefix) && (condition === null || condition === known);
    if (fits && (!best || rank(rule) > rank(best))) best = rule;
  }
  return best;
}
