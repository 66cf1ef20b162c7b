import { EVENT_TYPES } from "../events/mod.ts";

/** Does an endpoint that asked for `pattern` (`order.created`, `order.*` or `*`) want events of this type? */
export function matches(pattern: string, type: string): boolean {
  if (pattern === "*") return true;
  return pattern.endsWith(".*") ? type.startsWith(pattern.slice(0, -1)) : pattern === type;
}

/** Is there any event that an endpoint could get by asking for `pattern`? */
export function isKnownPattern(pattern: string): boolean {
  return EVENT_TYPES.some(({ type }) => matches(pattern, type));
}
