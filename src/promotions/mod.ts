export { addPromotion, createPromotion } from "./create_promotion.ts";
export { promotionCreated, promotionUpdated } from "./events.ts";
export { applyCoupon, type Coupon, type Discount, type FullLine, goodsOf } from "./promotion.ts";
export {
  couponsRedeemed,
  findCoupon,
  lockPromotions,
  redeemCoupons,
  releaseCoupons,
  takeOverCoupons,
} from "./redemption_queries.ts";
export { periodOf, whyNot, withChanges } from "./running.ts";
export {
  Count,
  discount,
  eitherOff,
  goods,
  newDiscount,
  newGoods,
  NewPromotionBody,
  newRunning,
  PromotionSchema,
  running,
} from "./schemas.ts";
