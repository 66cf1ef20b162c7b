import { assert, assertEquals, assertRejects } from "@std/assert";
import fc from "fast-check";
import { AppError } from "../platform/errors.ts";
import { IMPORT_LIMITS, type ImportLimits, type Line, readLines } from "./import_lines.ts";

const bytes = (text: string) => new TextEncoder().encode(text);

/** The lines of the chunks, and the error at their end if there is one. */
async function read(chunks: Uint8Array[], limits: Partial<ImportLimits> = {}) {
  const lines: Line[] = [];
  try {
    for await (const line of readLines(ReadableStream.from(chunks), { ...IMPORT_LIMITS, ...limits })) {
      lines.push(line);
    }
    return { lines };
  } catch (error) {
    return { lines, error: error as AppError };
  }
}

Deno.test("lines are the same however the bytes are cut, even within a character", async () => {
  await fc.assert(fc.asyncProperty(
    fc.array(fc.constantFrom("a", "ü", "🙂", "\r", '"', ""), { maxLength: 30 }),
    fc.array(fc.integer({ min: 0, max: 60 }), { maxLength: 8 }),
    async (pieces, cuts) => {
      const text = pieces.map((piece, i) => i % 4 === 3 ? `${piece}\n` : piece).join("");
      const all = bytes(text);
      const edges = [0, ...cuts.map((cut) => Math.min(cut, all.length)).sort((a, b) => a - b), all.length];
      const { lines } = await read(edges.slice(1).map((edge, i) => all.slice(edges[i], edge)));
      const expected = text.split("\n");
      if (expected.at(-1) === "") expected.pop();
      assertEquals(lines, expected.map((line, i) => ({ number: i + 1, text: line.replace(/\r$/, "") })));
    },
  ));
});

Deno.test("a byte order mark is no part of the first line", async () => {
  assertEquals((await read([bytes("\ufeffsku\n")])).lines, [{ number: 1, text: "sku" }]);
});

Deno.test("a line beyond the limit loses its text and costs no other line", async () => {
  for (const size of [1, 3, 100]) {
    const all = bytes(`abcd\nabcde\nab${"c".repeat(50)}\n\nend`);
    const chunks = Array.from(
      { length: Math.ceil(all.length / size) },
      (_, i) => all.slice(i * size, (i + 1) * size),
    );
    assertEquals((await read(chunks, { lineLength: 4 })).lines, [
      { number: 1, text: "abcd" },
      { number: 2, text: undefined },
      { number: 3, text: undefined },
      { number: 4, text: "" },
      { number: 5, text: "end" },
    ]);
  }
});

Deno.test("beyond the limits of lines or bytes the lines within them come first, then payload_too_large", async () => {
  const tooMany = await read([bytes("1\n2\n3")], { lines: 2 });
  assertEquals([tooMany.lines.length, tooMany.error?.code], [2, "payload_too_large"]);
  assertEquals((await read([bytes("1\n2\n")], { lines: 2 })).error, undefined);
  assertEquals((await read([bytes("1\n2")], { lines: 2 })).lines.length, 2);
  const tooLarge = await read([bytes("1\n"), bytes("2\n"), bytes("3\n")], { bytes: 4 });
  assertEquals([tooLarge.lines.length, tooLarge.error?.code], [2, "payload_too_large"]);
});

Deno.test("a body that does not come to its end in time is given up", async () => {
  let isCancelled = false;
  const silent = new ReadableStream<Uint8Array>({
    start: (controller) => controller.enqueue(bytes("1\n")),
    cancel: () => {
      isCancelled = true;
    },
  });
  const lines: Line[] = [];
  await assertRejects(
    async () => {
      for await (const line of readLines(silent, { ...IMPORT_LIMITS, durationMs: 20 })) lines.push(line);
    },
    AppError,
    "minutes",
  );
  assertEquals([lines.length, isCancelled], [1, true]);
});

Deno.test("who stops reading stops the stream", async () => {
  let isCancelled = false;
  const endless = new ReadableStream<Uint8Array>({
    pull: (controller) => controller.enqueue(bytes("line\n")),
    cancel: () => {
      isCancelled = true;
    },
  });
  for await (const { number } of readLines(endless, IMPORT_LIMITS)) if (number === 3) break;
  assertEquals(isCancelled, true);
});

Deno.test("who calls while a text is read that is already there is answered before its end", async () => {
  await using server = Deno.serve({ port: 0, onListen: () => {} }, () => new Response("here"));
  const chunks = Array.from({ length: 20 }, () => bytes("x\n".repeat(20_000)));
  let isRead = false;
  const reading = read(chunks).then(({ lines }) => {
    isRead = true;
    return lines;
  });
  const answer = await fetch(`http://localhost:${server.addr.port}/`);
  const wasRead = isRead;
  await answer.text();
  assertEquals((await reading).length, 400_000);
  assert(!wasRead, "nobody was answered before its end");
});
