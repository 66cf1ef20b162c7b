import { createProduct } from "../src/catalogue/mod.ts";
import { adjustStock } from "../src/inventory/mod.ts";
import type { Ctx } from "../src/platform/ctx.ts";
import { AppError } from "../src/platform/errors.ts";
import { createPromotion, NewPromotionBody } from "../src/promotions/mod.ts";
import {
  createCampaign,
  createReward,
  listRewards,
  NewCampaignBody,
  NewRewardBody,
} from "../src/rewards/mod.ts";

const DEMO_STOCK = 500;

const price = (EUR: number, GBP: number, USD: number, JPY: number) =>
  Object.entries({ EUR, GBP, USD, JPY }).map(([currency, amount]) => ({ currency, amount }));

const DEMO_PRODUCTS: Parameters<typeof createProduct>[1][] = [
  {
    sku: "MUG-BLUE",
    name: "Blue stoneware mug",
    description: "Holds 350 ml, fired at 1,250 °C.",
    category: "kitchen",
    prices: price(1499, 1299, 1699, 2400),
    weight_grams: 420,
    hs_code: "691200",
    country_of_origin: "PT",
    attributes: { colour: "blue", dishwasher_safe: true },
  },
  {
    sku: "TEA-SENCHA-100",
    name: "Sencha green tea, 100 g",
    description: "First flush from Shizuoka.",
    category: "food",
    prices: price(1290, 1090, 1390, 1800),
    weight_grams: 120,
    hs_code: "090210",
    country_of_origin: "JP",
    attributes: { organic: true },
  },
  {
    sku: "TSHIRT-M",
    name: "Organic cotton T-shirt, M",
    description: "180 g/m² jersey, undyed.",
    category: "clothing",
    prices: price(2900, 2500, 3200, 4600),
    weight_grams: 190,
    hs_code: "610910",
    country_of_origin: "IN",
    attributes: { size: "M" },
  },
  {
    sku: "LANTERN-WHITE",
    name: "White metal lantern",
    description: "For a tea light, 21 cm high.",
    category: "home",
    prices: price(1850, 1590, 1990, 2900),
    weight_grams: 640,
    hs_code: "940550",
    country_of_origin: "CN",
    attributes: { colour: "white" },
  },
  {
    sku: "KNIFE-SANTOKU",
    name: "Santoku knife, 17 cm",
    description: "Three layers of steel, walnut handle.",
    category: "kitchen",
    prices: price(8900, 7600, 9900, 13800),
    weight_grams: 210,
    hs_code: "821192",
    country_of_origin: "JP",
    attributes: { blade_cm: 17 },
  },
];

const DEMO_COUPON = NewPromotionBody.parse({ code: "WELCOME10", name: "Welcome", percent_off: "10" });

const DEMO_CAMPAIGN = NewCampaignBody.parse({
  name: "A point a euro",
  points: 1,
  per_amount: [{ currency: "EUR", amount: 100 }],
});
const DEMO_REWARD = NewRewardBody.parse({
  name: "Five euros off",
  points: 50,
  amount_off: [{ currency: "EUR", amount: 500 }],
});

/** Loads a few products with stock, a coupon and a reward, as far as they are not there yet. Gives how many products. */
export async function loadDemoCatalogue(ctx: Ctx): Promise<number> {
  await isNew("code_taken", createPromotion(ctx, DEMO_COUPON));
  if ((await listRewards(ctx, { limit: 1 })).data.length === 0) {
    await createCampaign(ctx, DEMO_CAMPAIGN);
    await createReward(ctx, DEMO_REWARD);
  }
  let loaded = 0;
  for (const product of DEMO_PRODUCTS) {
    if (!await isNew("sku_taken", createProduct(ctx, product))) continue;
    const stock = { location: "default", kind: "receipt", delta: DEMO_STOCK, reason: "Demo stock" } as const;
    await adjustStock(ctx, { sku: product.sku, ...stock }, undefined);
    loaded++;
  }
  return loaded;
}

/** Whether it was made; not where its name is `taken`. */
async function isNew(taken: AppError["code"], making: Promise<unknown>): Promise<boolean> {
  try {
    await making;
    return true;
  } catch (error) {
    if (error instanceof AppError && error.code === taken) return false;
    throw error;
  }
}
