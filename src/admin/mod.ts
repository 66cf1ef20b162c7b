export type { Finding, Report } from "./invariants/verify_books.ts";
export { INVARIANTS } from "./invariants/invariants.ts";
export { brokenOf, verifyBooks, verifyDatabase } from "./invariants/verify_books.ts";
