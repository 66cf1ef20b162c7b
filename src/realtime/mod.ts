export { LiveStreams, STREAM_LIMITS } from "./live_streams.ts";
export { deleteExpiredTickets } from "./queries.ts";
