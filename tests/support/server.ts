import type { Config } from "../../src/config.ts";
import type { Deps } from "../../src/deps.ts";
import { startTestApp, type TestApp } from "./app.ts";

/** The API on a real socket of this machine. */
export interface TestServer extends AsyncDisposable {
  app: TestApp;
  url: string;
}

/** Serves a test app on a free port, for clients that speak HTTP themselves. */
export async function startTestServer(
  env: Record<string, string> = {},
  replace: Partial<Deps> | ((config: Config) => Partial<Deps>) = {},
): Promise<TestServer> {
  const app = await startTestApp(env, replace);
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen: () => {} }, app.fetch);
  return {
    app,
    url: `http://127.0.0.1:${server.addr.port}`,
    async [Symbol.asyncDispose]() {
      await app.deps.streams.close();
      await server.shutdown();
      await app[Symbol.asyncDispose]();
    },
  };
}
