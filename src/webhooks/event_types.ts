import { matches, typesMatching } from "../events/mod.ts";

/** What an endpoint asks for that wants all events, also those that there will be. */
const ALL = "*";

/** Does an endpoint that asked for `pattern` (`order.created`, `order.*` or `*`) want events of this type? */
export function wants(pattern: string, type: string): boolean {
  return pattern === ALL || matches(pattern, type);
}

/** Is there any event that an endpoint could get by asking for `pattern`? */
export function isKnownPattern(pattern: string): boolean {
  return pattern === ALL || typesMatching(pattern).length > 0;
}
