export { promotionCreated, promotionUpdated } from "./events.ts";
export { applyCoupon, type Coupon, type Discount } from "./promotion.ts";
export { findCoupon, lockPromotions, redeemCoupons, releaseCoupons } from "./redemption_queries.ts";
