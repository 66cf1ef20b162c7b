import type { Ctx } from "../../platform/ctx.ts";
import { notFound } from "../../platform/errors.ts";
import { type Page, toPage } from "../../platform/page.ts";
import { findShippingOption, listOffers } from "../queries.ts";
import type { ShippingOffer, StoredShippingOption } from "./shipping_option.ts";

/** @throws not_found */
export async function getShippingOption(ctx: Ctx, code: string): Promise<StoredShippingOption> {
  const option = await findShippingOption(ctx.sql, code);
  if (!option) throw notFound("shipping option");
  return option;
}

/** How goods of a weight can be sent to a destination, and for how much, by code. */
export async function listShippingOffers(
  ctx: Ctx,
  filter: { destination: string; weight_grams: number; cursor?: [string]; limit: number },
): Promise<Page<ShippingOffer>> {
  const rows = await listOffers(ctx.sql, { ...filter, afterCode: filter.cursor?.[0] });
  return toPage(rows, filter.limit, (last) => [last.code]);
}
