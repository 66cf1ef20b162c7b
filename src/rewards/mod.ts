export { createCampaign } from "./campaigns/create_campaign.ts";
export { NewCampaignBody } from "./campaigns/schemas.ts";
export { createReward } from "./create_reward.ts";
export { REWARD_EVENTS } from "./events.ts";
export { settlePointsJob } from "./jobs.ts";
export { listRewards } from "./list_rewards.ts";
export { settlePoints } from "./points/settle_points.ts";
export { NewRewardBody } from "./schemas.ts";
