import { context, type Link, ProxyTracerProvider, SpanKind, SpanStatusCode, trace } from "@opentelemetry/api";

/** Deno traces if the process was started with OTEL_DENO=true; then it has put its own provider here. */
const IS_TRACING = !(trace.getTracerProvider() instanceof ProxyTracerProvider);

/** The span that all this happens in, as W3C Trace Context; undefined where nothing is traced. */
export function activeTraceparent(): string | undefined {
  const span = IS_TRACING ? trace.getActiveSpan() : undefined;
  if (!span) return undefined;
  const { traceId, spanId, traceFlags } = span.spanContext();
  return `00-${traceId}-${spanId}-${traceFlags.toString(16).padStart(2, "0")}`;
}

/**
 * Names Deno's span of the request by the route's template, and gives its traceparent. The URL stays among the span's
 * attributes whatever we do: setting them again adds a second value.
 */
export function traceRoute(route: string): string | undefined {
  if (!IS_TRACING) return undefined;
  const span = trace.getActiveSpan();
  span?.updateName(route);
  span?.setAttribute("http.route", route.slice(route.indexOf(" ") + 1));
  return activeTraceparent();
}

/**
 * Does `work` in a span of its own, which goes on the trace of its cause. One of several causes has links to each of
 * them, and a trace of its own.
 *
 * @param causes a traceparent of each; those that are missing or mean nothing are left out
 */
export async function inSpan<T>(
  name: string,
  causes: (string | null | undefined)[],
  work: (traceparent: string | undefined) => Promise<T>,
): Promise<T> {
  if (!IS_TRACING) return await work(undefined);
  const links = causes.flatMap(linkTo);
  const parent = links.length === 1
    ? trace.setSpanContext(context.active(), links[0]!.context)
    : trace.deleteSpan(context.active());
  const options = { kind: SpanKind.CONSUMER, links: links.length > 1 ? links : [] };
  return await trace.getTracer("waybill").startActiveSpan(name, options, parent, async (span) => {
    try {
      return await work(activeTraceparent());
    } catch (error) {
      span.setStatus({
        code: SpanStatusCode.ERROR,
        message: error instanceof Error ? error.name : undefined,
      });
      throw error;
    } finally {
      span.end();
    }
  });
}

function linkTo(traceparent: string | null | undefined): Link[] {
  const parts = /^00-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})$/.exec(traceparent ?? "");
  if (!parts) return [];
  const [, traceId, spanId, flags] = parts as unknown as [string, string, string, string];
  return [{ context: { traceId, spanId, traceFlags: parseInt(flags, 16), isRemote: true } }];
}
