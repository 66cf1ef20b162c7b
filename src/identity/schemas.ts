import { z } from "@hono/zod-openapi";
import { PageQuery } from "../http/pagination.ts";
import { Id, text, Timestamp } from "../http/schemas.ts";
import { ACCESS_TOKEN_SECONDS } from "./access_token.ts";
import { MAX_PASSWORD_LENGTH } from "./password.ts";
import type { User } from "./user.ts";

const Email = text(3, 254).regex(z.regexes.email, "must be an e-mail address").openapi({
  format: "email",
  description: "Kept as typed; one person whatever its case",
  example: "anna@example.com",
});

const Name = text(1, 200).openapi({ example: "Anna Smith" });

const Role = z.enum(["customer", "staff", "admin"]).openapi({ example: "customer" });

/** A password as somebody typed it: never trimmed, and of a length that cannot be used to keep us busy. */
const Password = z.string().min(1).max(MAX_PASSWORD_LENGTH)
  .refine((value) => value.isWellFormed(), "must not hold broken surrogate pairs")
  .openapi({ format: "password", example: "violet-harbour-42-lamp" });

const NewPassword = Password.openapi({
  description: `At least 10 and at most ${MAX_PASSWORD_LENGTH} characters, and not easy to guess`,
});

const Secret = z.string().min(1).max(1000);

export const UserSchema = z.object({
  id: Id,
  email: z.string().openapi({ format: "email", example: "anna@example.com" }),
  name: z.string().nullable().openapi({ example: "Anna Smith" }),
  role: Role,
  guest: z.boolean().openapi({
    description:
      "True: a customer without a login (POST /v1/guests). The address may be any number of guests', and an account's as well",
    example: false,
  }),
  disabled: z.boolean().openapi({ description: "True: it cannot log in", example: false }),
  version: z.int().openapi({ description: "Also the `ETag`", example: 1 }),
  created_at: Timestamp,
  updated_at: Timestamp,
}).openapi("User");

/** An account as the API shows it. */
export function userView({ disabled_at, ...user }: User): z.infer<typeof UserSchema> {
  return { ...user, disabled: disabled_at !== null };
}

export const RegisterBody = z.strictObject({ email: Email, password: NewPassword, name: Name.optional() })
  .openapi("Registration");
export type RegisterBody = z.infer<typeof RegisterBody>;

/**
 * Described as one object, as generators make no form of one that may be of two shapes: Go's client sent it empty, and
 * Kotlin's and TypeScript's knew one `grant_type`.
 */
export const TokenForm = z.discriminatedUnion("grant_type", [
  z.object({ grant_type: z.literal("password"), username: text(1, 254), password: Password }),
  z.object({ grant_type: z.literal("refresh_token"), refresh_token: Secret }),
]).openapi("TokenRequest", {
  type: "object",
  properties: {
    grant_type: { type: "string", enum: ["password", "refresh_token"] },
    username: {
      type: "string",
      minLength: 1,
      maxLength: 254,
      description: "With `password`: the e-mail address",
      example: "anna@example.com",
    },
    password: {
      type: "string",
      minLength: 1,
      maxLength: MAX_PASSWORD_LENGTH,
      format: "password",
      description: "With `password`",
      example: "violet-harbour-42-lamp",
    },
    refresh_token: {
      type: "string",
      minLength: 1,
      maxLength: 1000,
      description: "With `refresh_token`: the latest one; each can be used once",
    },
  },
  required: ["grant_type"],
});

export const TokenSchema = z.object({
  access_token: z.string().openapi({ description: "Send it as `Authorization: Bearer …`" }),
  token_type: z.literal("bearer"),
  expires_in: z.int().openapi({
    description: "Seconds that the access token is good for",
    example: ACCESS_TOKEN_SECONDS,
  }),
  refresh_token: z.string().openapi({ description: "For the next access token; good once, for 30 days" }),
}).openapi("Token");

export const GuestBody = z.strictObject({ email: Email, name: Name.optional() }).openapi("CreateGuest");

export const GuestSchema = TokenSchema.extend({ user: UserSchema }).openapi("Guest");

export const GuestRegistrationBody = z.strictObject({ password: NewPassword }).openapi("GuestRegistration");

export const RevocationForm = z.object({
  token: Secret.openapi({ description: "A refresh token" }),
  token_type_hint: z.string().optional().openapi({ description: "Accepted, not needed" }),
}).openapi("Revocation");

export const ChangeMeBody = z.strictObject({ name: Name.nullable().optional() }).openapi("OwnAccountChange");

export const ChangePasswordBody = z.strictObject({ current_password: Password, new_password: NewPassword })
  .openapi("PasswordChange");

export const SetPasswordBody = z.strictObject({
  token: Secret.openapi({ description: "From POST /v1/users/{id}/password-token" }),
  new_password: NewPassword,
}).openapi("PasswordReset");

export const CreateUserBody = z.strictObject({
  email: Email,
  name: Name.optional(),
  role: Role.default("customer").openapi({ description: "Any but `customer`: by admins only" }),
}).openapi("CreateUser");

export const ChangeUserBody = z.strictObject({
  name: Name.nullable().optional(),
  role: Role.optional().openapi({ description: "By admins only" }),
  disabled: z.boolean().optional().openapi({ description: "True: it cannot log in any more", example: true }),
}).openapi("UserChange");

export const ListUsersQuery = z.strictObject({
  email: text(1, 254).optional().openapi({ description: "Exactly this address, whatever its case" }),
  role: Role.optional().openapi({ description: "Only accounts with this role" }),
  guest: z.enum(["true", "false"]).transform((value) => value === "true").optional().openapi({
    description: "`true`: only guests; `false`: only who can log in",
  }),
  ...PageQuery.shape,
});

export const PasswordTokenSchema = z.object({
  token: z.string().openapi({ description: "For POST /v1/password; shown only here, good once" }),
  expires_at: Timestamp,
}).openapi("PasswordToken");
