import { type Earning, type EarningLine, pointsFor } from "../campaigns/campaign.ts";

/** An order whose money moved, as far as points go. Amounts in minor units. */
export interface EarningOrder {
  id: string;
  user_id: string;
  currency: string;
  total_price: number;
  amount_paid: number;
  amount_refunded: number;
  /** Negative: owed to the customer, as is all that was paid and not refunded of an order that is cancelled. */
  amount_due: number;
  lines: EarningLine[];
  /** What it earned before, by campaign; the campaigns that it has are never others again. */
  earned: OrderPoints[];
  /** Those that ran when it was placed, where it has just been paid in full for the first time; otherwise none. */
  campaigns: (Earning & { id: string })[];
}

/** What an order earned by a campaign. */
export interface OrderPoints {
  campaign_id: string;
  /** With all of its money there. */
  full_points: number;
  /** Of these, what it has now. */
  points: number;
}

/** What an order is to have by each of its campaigns, and by how much that is more than what it has. Pure. */
export function settle(order: EarningOrder): (OrderPoints & { more: number })[] {
  const earned = order.earned.length > 0 ? order.earned : order.campaigns.map((campaign) => ({
    campaign_id: campaign.id,
    full_points: pointsFor(campaign, order.currency, order.lines),
    points: 0,
  }));
  return earned.flatMap(({ campaign_id, full_points, points }) => {
    const due = pointsLeft(full_points, order);
    return due === points ? [] : [{ campaign_id, full_points, points: due, more: due - points }];
  });
}

/** Of the points of an order that was paid in full, those of what is left of its sale: in proportion, rounded down. */
function pointsLeft(
  full: number,
  { total_price, amount_paid, amount_refunded, amount_due }: EarningOrder,
): number {
  const left = amount_paid - amount_refunded + amount_due;
  return left === 0 ? 0 : Number(BigInt(full) * BigInt(left) / BigInt(total_price));
}
