export { INVARIANTS } from "./invariants/invariants.ts";
export {
  brokenOf,
  type Finding,
  type Report,
  verifyBooks,
  verifyDatabase,
} from "./invariants/verify_books.ts";
