import { existsSync } from "node:fs";
import { loadEnvFile } from "node:process";

/**
 * Reads `.env` of the current folder where it is there. What the environment says already wins. Where it cannot be read,
 * as it is somebody else's, say, the process ends with 2.
 */
export function readEnvFile(): void {
  if (!existsSync(".env")) return;
  try {
    loadEnvFile();
  } catch (error) {
    console.error(`Cannot start:\n  .env cannot be read: ${(error as Error).message}`);
    Deno.exit(2);
  }
}
