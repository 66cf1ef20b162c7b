export type { Consignee } from "./consignee.ts";
export { consigneeRecorded } from "./events.ts";
export { findConsignee, insertConsignees, upsertConsignee } from "./queries.ts";
export { ConsigneeBody, ConsigneeSchema } from "./schemas.ts";
export {
  consigneeView,
  openConsignee,
  sealConsignee,
  type SealedConsignee,
  type StoredConsignee,
} from "./seal.ts";
