export type { Consignee } from "./consignee.ts";
export { consigneeRecorded } from "./events.ts";
export { findConsignee, insertConsignees, upsertConsignee } from "./queries.ts";
export { ConsigneeBody, ConsigneeSchema } from "./schemas.ts";
export {
  type ConsigneeView,
  consigneeView,
  openConsignee,
  sealConsignee,
  type SealedConsignee,
} from "./seal.ts";
