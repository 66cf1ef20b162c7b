import { EVENT_INVARIANTS } from "./event_queries.ts";
import type { Invariant } from "./invariant.ts";
import { LEDGER_INVARIANTS } from "./ledger_queries.ts";
import { ORDER_INVARIANTS } from "./order_queries.ts";
import { PROMOTION_INVARIANTS } from "./promotion_queries.ts";
import { REFERENCE_INVARIANTS } from "./reference_queries.ts";
import { REWARD_INVARIANTS } from "./reward_queries.ts";
import { STOCK_INVARIANTS } from "./stock_queries.ts";

/** Everything that must hold, whatever happened. */
export const INVARIANTS: readonly Invariant[] = [
  ...STOCK_INVARIANTS,
  ...ORDER_INVARIANTS,
  ...LEDGER_INVARIANTS,
  ...PROMOTION_INVARIANTS,
  ...REWARD_INVARIANTS,
  ...EVENT_INVARIANTS,
  ...REFERENCE_INVARIANTS,
];
