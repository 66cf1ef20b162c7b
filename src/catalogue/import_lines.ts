import { AppError } from "../platform/errors.ts";
import { givingWay } from "../platform/turns.ts";

/** A line of a text, counted from 1; no `text` for one that is too long to be read. */
export interface Line {
  number: number;
  text?: string;
}

/** What one import may bring. */
export interface ImportLimits {
  lineLength: number;
  lines: number;
  bytes: number;
  durationMs: number;
}

export const IMPORT_LIMITS: ImportLimits = {
  lineLength: 64 * 1024,
  lines: 1_000_000,
  bytes: 1024 ** 3,
  durationMs: 30 * 60_000,
};

/**
 * The lines of a stream, without their ends (LF or CRLF), never holding more than one of them and one chunk.
 * Bytes that are not UTF-8 become U+FFFD.
 *
 * @throws payload_too_large beyond the limits, after all lines within them; invalid_request if the stream breaks off
 */
export async function* readLines(
  body: ReadableStream<Uint8Array>,
  limits: ImportLimits,
): AsyncGenerator<Line> {
  const decoder = new TextDecoder();
  const reader = body.getReader();
  let isLate = false;
  const timer = setTimeout(() => {
    isLate = true;
    reader.cancel().catch(() => {});
  }, limits.durationMs);
  let number = 0;
  let bytes = 0;
  let pending: string | undefined = "";
  // What has arrived is read without a wait, and so is a line that makes no work for the database: the event loop would stand
  // still for as long as there is any.
  const giveWay = givingWay();
  const keep = (text: string) => text.length > limits.lineLength ? undefined : text;
  const finish = (text: string | undefined): Line => {
    if (number === limits.lines) throw tooMuch(number, `has more than ${limits.lines} lines`);
    return { number: ++number, text: text?.endsWith("\r") ? text.slice(0, -1) : text };
  };

  try {
    while (true) {
      const { done, value } = await reader.read().catch((cause) => {
        throw new AppError("invalid_request", `The body broke off in line ${number + 1}.`, { cause });
      });
      if (isLate) throw tooMuch(number, `takes longer than ${limits.durationMs / 60_000} minutes`);
      bytes += value?.length ?? 0;
      if (bytes > limits.bytes) throw tooMuch(number, `is larger than ${limits.bytes} bytes`);
      const [first, ...others] = (done ? decoder.decode() : decoder.decode(value, { stream: true })).split(
        "\n",
      );
      pending = pending === undefined ? undefined : keep(pending + first);
      await giveWay();
      for (const next of others) {
        yield finish(pending);
        await giveWay();
        pending = keep(next);
      }
      if (done) break;
    }
    if (pending !== "") yield finish(pending);
  } finally {
    clearTimeout(timer);
    reader.cancel().catch(() => {});
  }
}

function tooMuch(lines: number, what: string): AppError {
  return new AppError(
    "payload_too_large",
    `The file ${what}. What its first ${lines} lines say is imported; send the others in a file of their own.`,
  );
}
