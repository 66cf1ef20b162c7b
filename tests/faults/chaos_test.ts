import { assertEquals } from "@std/assert";
import { hasKafka } from "../support/kafka.ts";
import { redisOnPath } from "../platform/redis_server.ts";

Deno.test({
  name:
    "No goods and no money are lost, doubled or miscounted while processes are killed and Redis, Kafka and connections go away",
  ignore: !hasKafka || !redisOnPath,
  async fn() {
    const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
      args: ["task", "chaos", "--orders", "400", "--kills", "10", "--seconds", "15", "--outages", "1"].concat(
        ["--outage-seconds", "3", "--lost-connections", "5", "--seed", "1"],
      ),
      // It brings up servers of its own, and a permission prompt would wait for ever.
      env: { DENO_NO_PROMPT: "1" },
    }).output();
    const said = new TextDecoder().decode(stdout) + new TextDecoder().decode(stderr);
    console.log(said.split("\n").filter((line) => /^(ok|BROKEN|\d+ orders)/.test(line)).join("\n"));
    assertEquals(code, 0, said);
  },
});
