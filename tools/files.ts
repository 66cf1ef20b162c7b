import { join } from "@std/path";

/** For `.catch(ignoreNotFound)`: a missing file is undefined, any other failure stays one. */
export function ignoreNotFound(error: unknown): undefined {
  if (!(error instanceof Deno.errors.NotFound)) throw error;
}

/** Is there a file or folder of this name? */
export async function exists(path: string): Promise<boolean> {
  return await Deno.lstat(path).catch(ignoreNotFound) !== undefined;
}

/** Removes a folder with all that is in it, if it is there. */
export async function removeTree(path: string): Promise<void> {
  await Deno.remove(path, { recursive: true }).catch(ignoreNotFound);
}

/** Where what was fetched once is kept: Kafka's jars, Stripe's mock. Who fetches must be allowed to write here. */
export function cacheDirectory(): string {
  return join(Deno.env.get("XDG_CACHE_HOME") || join(Deno.env.get("HOME") || "/tmp", ".cache"), "waybill");
}
