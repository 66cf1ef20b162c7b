export { accessToRead, type Cart, cartClosed } from "./cart.ts";
export { endCart, type Target as CartTarget } from "./change_cart.ts";
export { cartCheckedOut, cartCreated, cartExpired, cartMerged, cartUpdated } from "./events.ts";
export { endDueCarts } from "./end_due_carts.ts";
export { readCoupon } from "./get_cart.ts";
export { expireCarts } from "./jobs.ts";
export { closeCarts, findCartWithProducts, isPricedAs, listDueCarts } from "./queries.ts";
export { TokenHeader } from "./schemas.ts";
