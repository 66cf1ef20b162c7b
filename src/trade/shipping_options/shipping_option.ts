import type { ShippingOption } from "../facts.ts";

/** A shipping option as it is kept. */
export interface StoredShippingOption extends ShippingOption {
  /** Offered; false once it was withdrawn. */
  active: boolean;
  version: number;
  created_at: string;
  updated_at: string;
}

/** An option with its price for a certain weight, in minor units of `currency`. */
export type ShippingOffer =
  & Pick<ShippingOption, "code" | "name" | "carrier" | "currency" | "min_days" | "max_days">
  & { price: number };
