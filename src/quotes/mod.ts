export { quoteCreated, quoteReleased } from "./events.ts";
export { EXAMPLE_SHORTAGE } from "./example.ts";
export { expireDueCarts } from "./end_carts.ts";
export { expireQuotes } from "./jobs.ts";
export { claimQuotes, findQuote, quoteData } from "./queries.ts";
export { completeQuote, type Quote, type QuoteData } from "./quote.ts";
export { estimateCart } from "./quote_cart.ts";
export { expireDueQuotes } from "./release_quotes.ts";
