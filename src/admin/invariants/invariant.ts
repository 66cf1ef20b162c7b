import type { Fragment, Sql, Tx } from "../../platform/db.ts";

/** broken: the books contradict themselves. warning: nothing is wrong yet, but somebody should look. */
export const SEVERITIES = ["broken", "warning"] as const;

/** Something that must hold over the whole database, said without the code that writes it. */
export interface Invariant {
  name: string;
  /** What holds, in a sentence. */
  holds: string;
  severity: typeof SEVERITIES[number];
  /** The table whose rows are looked at. */
  table: string;
  /** Nearly each row that its query sums is a group of its own: workers side by side would sum them all twice. */
  isFinelyGrouped?: true;
  /** A query for the rows that break it: `id`, and `what` is wrong with it. */
  broken: (sql: Sql | Tx, now: Date) => Fragment;
}

/** A row that breaks an invariant. */
export interface Break {
  id: string;
  what: string;
}
