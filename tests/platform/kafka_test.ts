import { assertEquals } from "@std/assert";
import { loadConfig } from "../../src/config.ts";
import { checkKafka } from "../../src/platform/kafka.ts";

const config = (port: number) =>
  loadConfig({
    APP_ENV: "local",
    DATABASE_URL: "postgres://localhost/none",
    KAFKA_BOOTSTRAP_SERVERS: `127.0.0.1:${port}`,
  }).kafka!;

/** Has the other side closed this connection, rather than only said that it sends no more? */
async function isClosed(connection: Deno.Conn): Promise<boolean> {
  const buffer = new Uint8Array(1024);
  try {
    while (await connection.read(buffer) !== null);
    for (let i = 0; i < 20; i++) {
      await connection.write(new Uint8Array(1));
      await new Promise((resolve) => setTimeout(resolve, 25));
    }
    return false;
  } catch {
    return true;
  }
}

for (const [what, answer] of [["says nothing", ""], ["is no Kafka", "HTTP/1.1 400 Bad Request\r\n\r\n"]]) {
  Deno.test(`a server that ${what} is down, and nothing of the look stays open`, async () => {
    using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    const accepted = listener.accept();
    const checked = checkKafka(config((listener.addr as Deno.NetAddr).port));
    using connection = await accepted;
    await connection.write(new TextEncoder().encode(answer));
    assertEquals(await checked, { status: "down" });
    assertEquals(await isClosed(connection), true);
  });
}
