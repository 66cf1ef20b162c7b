import { z } from "@hono/zod-openapi";
import type { Context } from "hono";
import { expectedVersion, isUnchanged } from "../http/etag.ts";
import { onInvalid } from "../http/problem.ts";
import { type AppEnv, endpoint, json, router } from "../http/router.ts";
import { AppError } from "../platform/errors.ts";
import { ACCESS_TOKEN_SECONDS } from "./access_token.ts";
import { changePassword } from "./change_password.ts";
import { createGuest } from "./create_guest.ts";
import { EXAMPLE_CHANGED_USER, EXAMPLE_USER } from "./example.ts";
import { logIn } from "./log_in.ts";
import { refreshSession } from "./refresh_session.ts";
import { register } from "./register.ts";
import { registerGuest } from "./register_guest.ts";
import { revokeToken } from "./revoke_token.ts";
import {
  ChangeMeBody,
  ChangePasswordBody,
  GuestBody,
  GuestRegistrationBody,
  GuestSchema,
  RegisterBody,
  RevocationForm,
  SetPasswordBody,
  TokenForm,
  TokenSchema,
  UserSchema,
  userView,
} from "./schemas.ts";
import type { Session } from "./session.ts";
import { setPassword } from "./set_password.ts";
import { callerId } from "./user.ts";
import { changeUser } from "./users/change_user.ts";
import { getUser } from "./users/get_user.ts";
import { created, tagged } from "./users/routes.ts";

/** Of a form: a megabyte of `a&a&…` takes a third of a second and 50 MB to be read, and anybody may send it. */
const MAX_FORM_BYTES = 32 * 1024;

const tags = ["Identity"];
const TOKEN: z.infer<typeof TokenSchema> = {
  access_token: "eyJhbGciOiJIUzI1NiIsInR5cCI6ImF0K2p3dCJ9.eyJyb2xlIjoiY3VzdG9tZXIifQ.c2lnbmF0dXJl",
  token_type: "bearer",
  expires_in: ACCESS_TOKEN_SECONDS,
  refresh_token: "PcSxFjUZC8rr1BbzDzg5RvIVyGsDxkmCV4s3XJd1y1A",
};

export const identityRoutes = router();

identityRoutes.openapi(
  endpoint({
    policy: "public",
    ignoreAuthorization: true,
    rateLimit: "login",
    errors: ["email_taken", "weak_password"],
  }, {
    method: "post",
    path: "/v1/register",
    operationId: "register",
    tags,
    summary: "Make an account for yourself",
    description:
      "A customer's. E-mail addresses that differ in case only are one. Then log in with POST /v1/token.",
    request: {
      body: json(RegisterBody, "Who you are.", {
        email: "anna@example.com",
        password: "violet-harbour-42-lamp",
        name: "Anna Smith",
      }),
    },
    responses: { 201: json(UserSchema, "The new account.", EXAMPLE_USER) },
  }),
  async (c) => c.json(created(c, await register(c.get("ctx"), c.req.valid("json"))), 201),
);

identityRoutes.openapi(
  endpoint({ policy: "public", ignoreAuthorization: true, rateLimit: "login" }, {
    method: "post",
    path: "/v1/guests",
    operationId: "createGuest",
    tags,
    summary: "Buy without an account",
    description:
      "A customer without a login, and the tokens of their one session: with these they have carts, quotes and orders as " +
      "anybody who has logged in (a cart from before comes along by POST /v1/carts/{id}/merge), and read their orders for " +
      "as long as they keep the refresh token in use. The address gets the orders' mail; it may be another guest's, or an " +
      "account's: none of them sees what the others buy. POST /v1/me/registration makes an account of it.",
    request: {
      body: json(GuestBody, "Where the orders' mail goes.", {
        email: "anna@example.com",
        name: "Anna Smith",
      }),
    },
    responses: {
      201: json(GuestSchema, "The guest and their tokens.", {
        ...TOKEN,
        user: { ...EXAMPLE_USER, guest: true },
      }),
    },
  }),
  async (c) => {
    const { user, session } = await createGuest(c.get("ctx"), c.req.valid("json"));
    c.header("Location", `/v1/users/${user.id}`);
    const answer = { ...await tokenView(c, session), user: userView(user) };
    return c.json(answer, 201, { "Cache-Control": "no-store" });
  },
);

identityRoutes.openapi(
  endpoint({
    policy: "public",
    ignoreAuthorization: true,
    rateLimit: "login",
    maxBodyBytes: MAX_FORM_BYTES,
    errors: ["invalid_credentials", "invalid_grant", "unsupported_grant_type"],
  }, {
    method: "post",
    path: "/v1/token",
    operationId: "createToken",
    tags,
    summary: "Log in, or go on with a refresh token",
    description:
      "OAuth 2.0 (RFC 6749) with the grants `password` and `refresh_token`. What OAuth libraries send " +
      "besides (`scope`, `client_id`, `client_secret`, `Authorization: Basic`) is accepted and ignored. Each answer " +
      "brings another refresh token and uses up the one before; one that comes twice ends the session for both.",
    request: {
      body: form(TokenForm, "The grant.", {
        grant_type: "password",
        username: "anna@example.com",
        password: "violet-harbour-42-lamp",
      }),
    },
    responses: {
      200: json(TokenSchema, "The tokens.", TOKEN),
    },
  }),
  async (c) => {
    const grant = c.req.valid("form");
    const session = grant.grant_type === "password"
      ? await logIn(c.get("ctx"), grant)
      : await refreshSession(c.get("ctx"), grant.refresh_token);
    return c.json(await tokenView(c, session), 200, { "Cache-Control": "no-store" });
  },
  (result) => onInvalidGrant(result),
);

identityRoutes.openapi(
  endpoint({ policy: "public", ignoreAuthorization: true, maxBodyBytes: MAX_FORM_BYTES }, {
    method: "post",
    path: "/v1/token/revocation",
    operationId: "revokeToken",
    tags,
    summary: "Log out",
    description:
      "Ends the session that the refresh token belongs to (RFC 7009). Its access token is good until it " +
      "expires. A token that is unknown is fine too.",
    request: {
      body: form(RevocationForm, "The token.", { token: "PcSxFjUZC8rr1BbzDzg5RvIVyGsDxkmCV4s3XJd1y1A" }),
    },
    responses: { 200: { description: "The token is worthless now, if it was not before." } },
  }),
  async (c) => {
    await revokeToken(c.get("ctx"), c.req.valid("form").token);
    return c.body(null, 200);
  },
);

identityRoutes.openapi(
  endpoint({ policy: "user" }, {
    method: "get",
    path: "/v1/me",
    operationId: "getMe",
    tags,
    summary: "Your own account",
    description: "Whoever the access token speaks for.",
    responses: {
      200: json(UserSchema, "It.", EXAMPLE_USER),
      304: { description: "Unchanged since your ETag." },
    },
  }),
  async (c) => {
    const user = await getUser(c.get("ctx"), callerId(c.get("ctx")));
    // A browser's cache would ask for the next who logs in with the ETag of this one, which may be theirs, too.
    return isUnchanged(c, user.version)
      ? c.body(null, 304)
      : c.json(userView(user), 200, { "Cache-Control": "no-store" });
  },
);

identityRoutes.openapi(
  endpoint({ policy: "user", conditional: true }, {
    method: "patch",
    path: "/v1/me",
    operationId: "changeMe",
    tags,
    summary: "Change your own account",
    description: "The name; null takes it away.",
    request: { body: json(ChangeMeBody, "What to change.", { name: "Anna Jones" }) },
    responses: { 200: json(UserSchema, "The account as it is now.", EXAMPLE_CHANGED_USER) },
  }),
  async (c) => {
    const user = await changeUser(
      c.get("ctx"),
      callerId(c.get("ctx")),
      c.req.valid("json"),
      expectedVersion(c),
    );
    return c.json(tagged(c, user), 200);
  },
);

identityRoutes.openapi(
  endpoint({ policy: "user", rateLimit: "login", errors: ["email_taken", "weak_password"] }, {
    method: "post",
    path: "/v1/me/registration",
    operationId: "registerGuest",
    tags,
    summary: "Make an account of a guest",
    description:
      "The guest can log in from then on, and is the same customer, with all that they bought. Ends the guest's sessions: " +
      "log in with POST /v1/token. An address that is an account's already is refused: what its owner bought as a guest " +
      "stays the guest's. So is who has registered before (409).",
    request: { body: json(GuestRegistrationBody, "The password.", { password: "violet-harbour-42-lamp" }) },
    responses: { 200: json(UserSchema, "The account.", EXAMPLE_CHANGED_USER) },
  }),
  async (c) => {
    const { password } = c.req.valid("json");
    return c.json(tagged(c, await registerGuest(c.get("ctx"), callerId(c.get("ctx")), password)), 200);
  },
);

identityRoutes.openapi(
  endpoint({ policy: "user", rateLimit: "login", errors: ["weak_password"] }, {
    method: "post",
    path: "/v1/me/password",
    operationId: "changePassword",
    tags,
    summary: "Change your own password",
    description:
      "Ends all your sessions, this one too: log in again with the new password. Access tokens are good until they expire, and " +
      "your API keys until they are revoked.",
    request: {
      body: json(ChangePasswordBody, "The old one and the new one.", {
        current_password: "violet-harbour-42-lamp",
        new_password: "quiet-meadow-17-kettle",
      }),
    },
    responses: { 204: { description: "Changed." } },
  }),
  async (c) => {
    await changePassword(c.get("ctx"), callerId(c.get("ctx")), c.req.valid("json"));
    return c.body(null, 204);
  },
);

identityRoutes.openapi(
  endpoint({
    policy: "public",
    ignoreAuthorization: true,
    rateLimit: "login",
    errors: ["email_taken", "invalid_grant", "weak_password"],
  }, {
    method: "post",
    path: "/v1/password",
    operationId: "setPassword",
    tags,
    summary: "Set a password with a token",
    description:
      "Ends all sessions of the account; access tokens are good until they expire, and API keys until they are revoked. A " +
      "password that is refused leaves the password token good, and so does a guest's address that is an account's already " +
      "(409).",
    request: {
      body: json(SetPasswordBody, "The token and the new password.", {
        token: "q3Jm2fYkT0cPZ9n4wXb7sVh1uLr8eDa5gKi6oMtBxNc",
        new_password: "quiet-meadow-17-kettle",
      }),
    },
    responses: { 204: { description: "Set: log in with it." } },
  }),
  async (c) => {
    await setPassword(c.get("ctx"), c.req.valid("json"));
    return c.body(null, 204);
  },
);

function form<S extends z.ZodType>(schema: S, description: string, example: z.input<S>) {
  return { description, content: { "application/x-www-form-urlencoded": { schema, example } } };
}

/** OAuth clients are told apart a grant that we do not know from a bad request (RFC 6749 §5.2). */
function onInvalidGrant(result: Parameters<typeof onInvalid>[0]): undefined {
  const grantType = (result.data as { grant_type?: unknown } | undefined)?.grant_type;
  if (
    !result.success && grantType !== undefined && grantType !== "password" && grantType !== "refresh_token"
  ) {
    throw new AppError("unsupported_grant_type", "The grants are `password` and `refresh_token`.", {
      errors: [{
        pointer: "/grant_type",
        code: "invalid_value",
        message: "must be password or refresh_token",
      }],
    });
  }
  onInvalid(result);
  return undefined;
}

async function tokenView(c: Context<AppEnv>, { userId, role, refreshToken }: Session) {
  const { accessTokens, clock } = c.get("deps");
  return {
    access_token: await accessTokens.sign({ userId, role }, clock.now()),
    token_type: "bearer" as const,
    expires_in: ACCESS_TOKEN_SECONDS,
    refresh_token: refreshToken,
  };
}
