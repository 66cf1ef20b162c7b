export { createPromotion } from "./create_promotion.ts";
export { promotionCreated, promotionUpdated } from "./events.ts";
export { applyCoupon, type Coupon, type Discount, type FullLine } from "./promotion.ts";
export {
  couponsRedeemed,
  findCoupon,
  lockPromotions,
  redeemCoupons,
  releaseCoupons,
  takeOverCoupons,
} from "./redemption_queries.ts";
export { NewPromotionBody } from "./schemas.ts";
