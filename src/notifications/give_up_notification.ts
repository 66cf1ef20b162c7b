import type { Tx } from "../platform/db.ts";
import { keyOf, sendNotificationJob } from "./jobs.ts";
import { markGivenUp } from "./queries.ts";

/** Staff cancelled the job of a mail, by these data: if it was written and waits for another attempt, none will come. */
export async function giveUpNotification(tx: Tx, data: unknown): Promise<void> {
  const { data: told } = sendNotificationJob.schema.safeParse(data);
  if (told) await markGivenUp(tx, keyOf(told));
}
