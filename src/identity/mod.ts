export { ACCESS_TOKEN_SECONDS, type AccessTokens, type Bearer, openAccessTokens } from "./access_token.ts";
export { findActiveRole } from "./queries.ts";
