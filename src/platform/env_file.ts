import { existsSync } from "node:fs";
import { loadEnvFile } from "node:process";

/** Reads `.env` of the current folder where it is there. What the environment says already wins. */
export function readEnvFile(): void {
  if (existsSync(".env")) loadEnvFile();
}
