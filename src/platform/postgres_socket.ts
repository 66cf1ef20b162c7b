/** The connections of the driver of PostgreSQL, mended from outside where they are lost. */

import { once } from "node:events";
import { isIP, Socket } from "node:net";
import { connect as layTls } from "node:tls";
import postgres from "postgres";

export const CONNECT_TIMEOUT_S = 5;
const SILENCE_LOOK_MS = 1_000;

/** The driver's options by which its connections are {@link openSocket}'s. It tries several hosts with its own only. */
export function ownSockets(databaseUrl: string, patienceMs: number) {
  const { host, ssl, sslnegotiation } = postgres(databaseUrl).options as unknown as Record<string, unknown>;
  if ((host as string[]).length > 1) return {};
  const encryption = { ssl, isDirect: sslnegotiation === "direct" };
  return { ssl: false, socket: (target: Target) => openSocket(target, encryption, patienceMs) };
}

interface Target {
  host: string[];
  port: number[];
  path: string | false;
}

interface Encryption {
  /** As the driver reads it: `require` and the like, `verify-full`, options of TLS, or false. */
  ssl: unknown;
  /** Does TLS begin without asking for it? */
  isDirect: boolean;
}

/** A connection for the driver. It forgets one whose socket it was not given, so one that failed says so at the first word. */
async function openSocket(target: Target, encryption: Encryption, patienceMs: number): Promise<Socket> {
  const { host, port, path } = target;
  const plain = new Socket();
  if (path) plain.connect(path);
  else plain.connect(port[0]!, host[0]!);
  try {
    const socket = encryption.ssl ? await encrypted(plain, host[0]!, encryption) : plain;
    loseAtOnce(socket);
    endWhenUnanswered(socket, patienceMs);
    return socket;
  } catch (error) {
    const failed = new Socket();
    loseAtOnce(failed);
    failed.write = () => {
      failed.destroy(error as Error);
      return false;
    };
    return failed;
  }
}

const SSL_REQUEST = new Uint8Array([0, 0, 0, 8, 4, 210, 22, 47]);
const SSL_YES = "S".charCodeAt(0);
/** What does not ask whose certificate it is. */
const UNVERIFIED: unknown[] = ["require", "allow", "prefer"];

/** Lays TLS over a connection, as the driver does with its own sockets. */
async function encrypted(plain: Socket, host: string, { ssl, isDirect }: Encryption): Promise<Socket> {
  const failure = Promise.withResolvers<never>();
  const fail = (code: string) => failure.reject(withCode(code, "no TLS to the database"));
  const orFail = (socket: Socket, event: string) =>
    Promise.race([
      once(socket.once("error", failure.reject).once("close", () => fail("CONNECTION_CLOSED")), event),
      failure.promise,
    ]);
  const timer = setTimeout(() => fail("CONNECT_TIMEOUT"), CONNECT_TIMEOUT_S * 1000);
  try {
    if (!isDirect) {
      plain.write(SSL_REQUEST);
      const [answer] = await orFail(plain, "data");
      if (answer[0] !== SSL_YES && ssl === "prefer") return plain;
      if (answer[0] !== SSL_YES || answer.length > 1) throw withCode("SSL_REFUSED", "no TLS to the database");
    }
    const secure = layTls({
      socket: plain,
      servername: isIP(host) ? undefined : host,
      ...isDirect && { ALPNProtocols: ["postgresql"] },
      ...UNVERIFIED.includes(ssl) && { rejectUnauthorized: false },
      ...typeof ssl === "object" && ssl,
    });
    await orFail(secure, "secureConnect");
    return secure;
  } catch (error) {
    plain.destroy();
    throw error;
  } finally {
    clearTimeout(timer);
  }
}

function withCode(code: string, message: string): Error {
  return Object.assign(new Error(message), { code });
}

/**
 * The driver hears of a loss whole, once the connection is closed. A socket tells first that there was an error and later
 * that it is closed, and what is said in between is lost to the driver: it waits for ever, or gets the answer of whatever
 * is said next on the new connection. Without an error the driver asks a server that ends a connection before it can be
 * used (PostgreSQL while it starts, a proxy without a server behind it) again at once, a hundred times a second, while
 * whoever waits for an answer hears nothing.
 */
function loseAtOnce(socket: Socket): void {
  const emit = socket.emit.bind(socket) as (event: string | symbol, ...args: unknown[]) => boolean;
  let loss = withCode("CONNECTION_CLOSED", "connection closed");
  socket.emit = (event: string | symbol, ...args: unknown[]) => {
    if (event === "error") {
      loss = args[0] as Error;
      return true;
    }
    if (event === "close" && socket.listenerCount("error") > 0) emit("error", loss);
    return emit(event, ...args);
  };
}

/**
 * A machine that went down, or a firewall that forgot a connection, closes nothing: the driver would go on to send it
 * statements and wait for their answers, or for its good-bye, until the system gives the connection up after 15 minutes.
 */
function endWhenUnanswered(socket: Socket, patienceMs: number): void {
  let spoken: number | undefined;
  const { write, end } = socket;
  const speak = (say: (...args: never[]) => unknown) => (...args: never[]) => {
    spoken ??= performance.now();
    return say.apply(socket, args);
  };
  Object.assign(socket, { write: speak(write), end: speak(end) });
  socket.on("data", () => spoken = undefined);
  const watch = setInterval(() => {
    if (spoken === undefined || performance.now() - spoken < patienceMs) return;
    socket.destroy(withCode("ETIMEDOUT", "connection not answered"));
  }, SILENCE_LOOK_MS);
  socket.once("close", () => clearInterval(watch));
}
