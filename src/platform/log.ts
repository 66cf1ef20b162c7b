import pino from "pino";

/** What a line may carry. A field that is not named here cannot be logged, so no secret gets in by accident. */
export interface LogFields {
  request_id?: string;
  method?: string;
  /** The route's template, never the URL: paths and queries can hold what people typed. */
  route?: string;
  status?: number;
  duration_ms?: number;
  actor?: string;
  order_id?: string;
  payment_id?: string;
  refund_id?: string;
  /** What a provider calls a payment. */
  provider_reference?: string;
  endpoint_id?: string;
  error_name?: string;
  /** SQLSTATE or library code. */
  error_code?: string;
  error_stack?: string;
  dependency?: string;
  count?: number;
  job?: string;
  reader?: string;
  lanes?: string;
  url?: string;
}

export interface Log {
  debug(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  error(message: string, fields?: LogFields): void;
}

/** One JSON object a line, or one readable line (`format: "text"`), on standard output. */
export function openLog(level: string, format: "json" | "text"): Log {
  const logger = pino(
    { level, base: null, timestamp: pino.stdTimeFunctions.isoTime },
    level === "silent" ? { write() {} } : format === "json" ? gathered() : textStream,
  );
  const at = (severity: "debug" | "info" | "warn" | "error") => (message: string, fields: LogFields = {}) =>
    logger[severity](fields, message);
  return { debug: at("debug"), info: at("info"), warn: at("warn"), error: at("error") };
}

const GATHER_BYTES = 8192;
const GATHER_MS = 50;
/** So much is kept while it cannot be written; what comes behind it is lost. */
const KEEP_BYTES = 1024 * 1024;

/** Standard output, written in pieces: a system call for each line costs a busy server a tenth of its time. */
function gathered() {
  const stream = pino.destination({
    sync: true,
    minLength: GATHER_BYTES,
    periodicFlush: GATHER_MS,
    maxLength: KEEP_BYTES,
  });
  // Its disk is full, say. What is logged was done all the same, and is written once there is room.
  let isStuck = false;
  stream.on("error", () => isStuck = true);
  stream.on("write", () => isStuck = false);
  globalThis.addEventListener("unload", () => {
    stream.flush();
    if (!isStuck) stream.flushSync(); // it would try for ever
  });
  return stream;
}

const encoder = new TextEncoder();
const textStream = {
  write(line: string): void {
    const { level, time, msg, ...fields } = JSON.parse(line);
    const rest = Object.entries(fields).map(([key, value]) => ` ${key}=${value}`).join("");
    try {
      Deno.stdout.writeSync(
        encoder.encode(`${time.slice(11, 23)} ${pino.levels.labels[level]?.padEnd(5)} ${msg}${rest}\n`),
      );
    } catch {
      // Nobody reads it any more. What is logged was done all the same.
    }
  },
};

/** What may be said of an unknown error: its name, code and stack frames. Messages of database errors can quote values. */
export function errorFields(error: unknown): LogFields {
  if (!(error instanceof Error)) return { error_name: typeof error };
  const code = (error as { code?: unknown }).code;
  return {
    error_name: error.name,
    error_code: typeof code === "string" ? code : undefined,
    error_stack: error.stack?.split("\n").filter((line) => line.startsWith("    at ")).slice(0, 8).join("\n"),
  };
}
