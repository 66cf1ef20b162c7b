/**
 * `deno task admin COMMAND`: accounts, for whoever may run commands on the server. Works on DATABASE_URL, from the
 * environment or `.env`, or else on the database of `deno task dev`.
 */

import {
  changeUser,
  createAdmin,
  createPasswordToken,
  listUsers,
  RegisterBody,
  type User,
} from "../src/identity/mod.ts";
import type { Ctx, Role } from "../src/platform/ctx.ts";
import { migrate } from "../src/platform/migrate.ts";
import { asSystem, CommandError, parseCommandLine, runCommand } from "./command.ts";
import { startServices } from "./services.ts";

const USAGE = `Usage: deno task admin COMMAND

  create EMAIL [--name NAME] [--password-stdin]
      makes an admin, with the password read from standard input, or a new one that is printed once
  reset EMAIL
      prints a token with which POST /v1/password sets a new password, once, within 24 hours
  role EMAIL customer|staff|admin
      changes what an account may do, and ends its sessions`;

const ROLES: Role[] = ["customer", "staff", "admin"];

type Command =
  | { name: "create"; email: string; userName?: string; passwordFromStdin: boolean }
  | { name: "reset"; email: string }
  | { name: "role"; email: string; role: Role };

function parseCommand(args: string[]): Command {
  const { positionals: [name, email, role, ...rest], values: flags } = parseCommandLine({
    args,
    allowPositionals: true,
    options: { "name": { type: "string" }, "password-stdin": { type: "boolean", default: false } },
  }, USAGE);
  if (email === undefined || rest.length > 0) throw new CommandError(USAGE);
  if (name === "role" && ROLES.includes(role as Role)) return { name, email, role: role as Role };
  if (name === "reset" && role === undefined) return { name, email };
  if (name === "create" && role === undefined) {
    return { name, email, userName: flags.name, passwordFromStdin: flags["password-stdin"] };
  }
  throw new CommandError(USAGE);
}

async function run(ctx: Ctx, command: Command): Promise<void> {
  switch (command.name) {
    case "create": {
      const given = command.passwordFromStdin ? await readPassword() : undefined;
      const password = given ?? newPassword();
      const user = await createAdmin(
        ctx,
        parseAccount({ email: command.email, name: command.userName, password }),
      );
      console.log(`Made the admin ${user.email}.`);
      if (given === undefined) console.log(`Password, shown only here: ${password}`);
      break;
    }
    case "reset": {
      const { id } = await getUserByEmail(ctx, command.email);
      const { token, expires_at } = await createPasswordToken(ctx, id);
      console.log(`Token, good once until ${expires_at}: ${token}`);
      console.log(`Set the password with POST /v1/password { "token": "…", "new_password": "…" }.`);
      break;
    }
    case "role": {
      const { id } = await getUserByEmail(ctx, command.email);
      const user = await changeUser(ctx, id, { role: command.role }, undefined);
      console.log(`${user.email} is ${user.role} now.`);
    }
  }
}

/** What the API asks of an account holds here too. */
function parseAccount(input: { email: string; name?: string; password: string }): RegisterBody {
  const parsed = RegisterBody.safeParse(input);
  if (parsed.success) return parsed.data;
  throw new CommandError(
    parsed.error.issues.map(({ path, message }) => `${path.join(".")}: ${message}`).join("\n"),
  );
}

function newPassword(): string {
  return crypto.getRandomValues(new Uint8Array(18)).toBase64({ alphabet: "base64url" });
}

async function getUserByEmail(ctx: Ctx, email: string): Promise<User> {
  const [user] = (await listUsers(ctx, { email, guest: false, limit: 1 })).data;
  if (!user) throw new CommandError(`There is no account with the address ${email}.`);
  return user;
}

/** The first line: a shell's echo ends it, and no password holds a line break. */
async function readPassword(): Promise<string> {
  const text = await new Response(Deno.stdin.readable).text();
  return text.split(/\r?\n/, 1)[0]!;
}

async function main(args: string[]): Promise<void> {
  const command = parseCommand(args);
  const services = await startServices({ purpose: "dev", env: Deno.env.toObject(), say: () => {} });
  try {
    if (!Deno.env.get("DATABASE_URL")) await migrate(services.databaseUrl, { log: () => {} });
    const env = { ...Deno.env.toObject(), DATABASE_URL: services.databaseUrl };
    await asSystem("admin", env, (ctx) => run(ctx, command));
  } finally {
    await services.stop();
  }
}

if (import.meta.main) await runCommand(main);
