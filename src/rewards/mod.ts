export { REWARD_EVENTS } from "./events.ts";
export { settlePointsJob } from "./jobs.ts";
export { settlePoints } from "./points/settle_points.ts";
