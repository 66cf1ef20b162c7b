import type { z } from "@hono/zod-openapi";
import type { OfferSchema, ShippingOptionSchema } from "../schemas.ts";

/** A shipping option as it is kept. */
export type StoredShippingOption = z.output<typeof ShippingOptionSchema>;

/** An option with its price for a certain weight, in minor units of `currency`. */
export type ShippingOffer = z.output<typeof OfferSchema>;
