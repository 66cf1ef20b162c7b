import type { Context } from "hono";
import { expectedVersion, isUnchanged, setEtag } from "../../http/etag.ts";
import { pageSchema, pageView } from "../../http/pagination.ts";
import { type AppEnv, endpoint, json, markReplay, router } from "../../http/router.ts";
import { IdParam } from "../../http/schemas.ts";
import { EXAMPLE_CHANGED_USER, EXAMPLE_USER } from "../example.ts";
import {
  ChangeUserBody,
  CreateUserBody,
  ListUsersQuery,
  PasswordTokenSchema,
  UserSchema,
  userView,
} from "../schemas.ts";
import type { User } from "../user.ts";
import { changeUser } from "./change_user.ts";
import { createPasswordToken } from "./create_password_token.ts";
import { createUser } from "./create_user.ts";
import { getUser } from "./get_user.ts";
import { listUsers } from "./list_users.ts";

const tags = ["Identity"];

export const userRoutes = router();

userRoutes.openapi(
  endpoint({ policy: "staff", idempotent: true, errors: ["email_taken"] }, {
    method: "post",
    path: "/v1/users",
    operationId: "createUser",
    tags,
    summary: "Make an account for somebody else",
    description:
      "Without a password: hand its owner a token from POST /v1/users/{id}/password-token. Staff make " +
      "customers; only admins make staff and admins.",
    request: {
      body: json(CreateUserBody, "Who it is for.", {
        email: "anna@example.com",
        name: "Anna Smith",
        role: "customer",
      }),
    },
    responses: { 201: json(UserSchema, "The new account.", EXAMPLE_USER) },
  }),
  async (c) => {
    const outcome = await createUser(c.get("ctx"), c.req.valid("json"), c.get("idempotency"));
    return c.json(created(c, markReplay(c, outcome)), 201);
  },
);

userRoutes.openapi(
  endpoint({ policy: "staff" }, {
    method: "get",
    path: "/v1/users",
    operationId: "listUsers",
    tags,
    summary: "List accounts",
    description: "Newest first. `email` finds one account, and guests who gave it.",
    request: { query: ListUsersQuery },
    responses: {
      200: json(pageSchema(UserSchema).openapi("UserPage"), "One page.", {
        data: [EXAMPLE_USER],
        next_cursor: null,
      }),
    },
  }),
  async (c) => c.json(pageView(await listUsers(c.get("ctx"), c.req.valid("query")), userView), 200),
);

userRoutes.openapi(
  endpoint({ policy: "user", errors: ["not_found"] }, {
    method: "get",
    path: "/v1/users/{id}",
    operationId: "getUser",
    tags,
    summary: "Get an account",
    description: "Your own; for staff, anybody's.",
    request: { params: IdParam },
    responses: {
      200: json(UserSchema, "It.", EXAMPLE_USER),
      304: { description: "Unchanged since your ETag." },
    },
  }),
  async (c) => {
    const user = await getUser(c.get("ctx"), c.req.valid("param").id);
    return isUnchanged(c, user.version) ? c.body(null, 304) : c.json(userView(user), 200);
  },
);

userRoutes.openapi(
  endpoint({ policy: "staff", conditional: true, errors: ["not_found", "last_admin"] }, {
    method: "patch",
    path: "/v1/users/{id}",
    operationId: "changeUser",
    tags,
    summary: "Change an account",
    description:
      "Staff change customers; only admins change roles, and the accounts of staff and admins. There is " +
      "always at least one active admin. A changed role or a disabled account ends all its sessions; a customer's access " +
      "token is good until it expires. API keys do nothing while their user is disabled or a customer, and what their user may " +
      "do otherwise: revoke those that are not to come back.",
    request: { params: IdParam, body: json(ChangeUserBody, "What to change.", { name: "Anna Jones" }) },
    responses: { 200: json(UserSchema, "The account as it is now.", EXAMPLE_CHANGED_USER) },
  }),
  async (c) => {
    const user = await changeUser(
      c.get("ctx"),
      c.req.valid("param").id,
      c.req.valid("json"),
      expectedVersion(c),
    );
    return c.json(tagged(c, user), 200);
  },
);

userRoutes.openapi(
  endpoint({ policy: "staff", errors: ["not_found"] }, {
    method: "post",
    path: "/v1/users/{id}/password-token",
    operationId: "createPasswordToken",
    tags,
    summary: "Let somebody set a password",
    description:
      "For an account made by staff, a forgotten password, or a guest who wants an account. The token is good once, for 24 hours, and " +
      "replaces earlier ones; pass it to the account's owner. For the accounts of staff and admins: admins only.",
    request: { params: IdParam },
    responses: {
      201: json(PasswordTokenSchema, "The token, shown only here.", {
        token: "q3Jm2fYkT0cPZ9n4wXb7sVh1uLr8eDa5gKi6oMtBxNc",
        expires_at: "2026-02-01T12:00:00.000Z",
      }),
    },
  }),
  async (c) => {
    const token = await createPasswordToken(c.get("ctx"), c.req.valid("param").id);
    return c.json(token, 201, { "Cache-Control": "no-store" });
  },
);

/** The account as it is answered, and its `ETag`. */
export function tagged(c: Context<AppEnv>, user: User) {
  setEtag(c, user.version);
  return userView(user);
}

/** The same of one that is new, and where it is. */
export function created(c: Context<AppEnv>, user: User) {
  c.header("Location", `/v1/users/${user.id}`);
  return tagged(c, user);
}
